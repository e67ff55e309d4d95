import { join } from "node:path";
import { type Contents, openContents } from "../../data/content-cache.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { runPaths } from "../../run/paths.ts";

/** Image contents of a run, kept below its cache directory, so that each image is decoded once a run. */
export async function runContents(runDir: string): Promise<Contents> {
  const { cache } = runPaths(runDir);
  await makeDirectory(cache);
  return await openContents(join(cache, "image-content.jsonl"));
}
