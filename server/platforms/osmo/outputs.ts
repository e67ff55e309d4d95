import { basename, dirname, join } from "node:path";
import { Refusal } from "../../errors.ts";
import type { OsmoClient } from "../../exec/osmo/client.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { filesBelow, putInPlace, withScratchFolder } from "../../fs/folder.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { setModified } from "../../fs/modified.ts";
import { fileFacts, readText, readTextIfPresent } from "../../fs/read.ts";
import { removeIfPresent } from "../../fs/remove.ts";
import type { JobSpec } from "../../run/job.ts";
import { manifestName } from "./pod-script.ts";

type Written = { readonly sha256: string; readonly size: number; readonly mtime_ms: number; readonly path: string };
type Manifest = {
  readonly stamp: string;
  readonly exit_code: number;
  /** When the program was started, by the pod's clock like the files' times. */
  readonly started_ms: number;
  /** What the pod called its data, its output and its mounted files. */
  readonly data: string;
  readonly output: string;
  readonly files: string;
  readonly written: readonly Written[];
};

export type Expected = {
  readonly job: JobSpec;
  readonly url: string;
  readonly stamp: string;
  /** When the job was sent, by this host's clock. */
  readonly sent_at_ms: number;
  readonly roots: readonly string[];
  /** Host path of the spec that was mounted. */
  readonly spec_path: string;
};

const textual = /\.(ya?ml|jsonl?|csv|log|txt)$/;
const textLimit = 64 << 20;

/**
 * Brings a task's output to the job's folder, whole or not at all, and returns the exit code in its manifest.
 *
 * The manifest is the last thing that the task writes and carries this submit's stamp, so an output of another submit,
 * one that is cut short and one with a hole are all refused. A file gets the age that it had in the pod, counted from
 * the program's start by the pod's own clock and laid onto the time of the submit: a file that was there before the
 * program started is older than the job here too, whatever the clocks say and whenever it is downloaded.
 *
 * @throws Refusal `osmo.download`; the job's folder is untouched then, and the next call tries again.
 */
export async function bringBack(client: OsmoClient, expected: Expected): Promise<number> {
  const { job, url } = expected;
  return await withScratchFolder(job.workdir, async (scratch) => {
    await client.download(url, scratch);
    const manifest = await readManifest(join(scratch, manifestName), expected);
    const kept = join(scratch, basename(job.workdir));
    await requireWhole(scratch, manifest, expected);
    for (const file of manifest.written) await settleFile(join(scratch, file.path), file, manifest, expected);
    const listed = new Set(manifest.written.map(({ path }) => path));
    for (const path of await filesBelow(kept)) {
      if (!listed.has(`${basename(kept)}/${path}`)) await removeIfPresent(join(kept, path));
    }
    await putInPlace(kept, job.workdir);
    return manifest.exit_code;
  });
}

async function readManifest(path: string, { url, stamp }: Expected): Promise<Manifest> {
  const [head = "", ...lines] = ((await readTextIfPresent(path)) ?? "").trimEnd().split("\n");
  const [mark, version, found, code = "", started = "", data = "", output = "", files = ""] = head.split("\t");
  if (mark !== "deft" || version !== "1" || !/^\d+$/.test(code)) {
    throw new Refusal("osmo.download", "The output holds no manifest, so the task did not finish writing.", { url });
  }
  if (found !== stamp) {
    throw new Refusal("osmo.download", "The output is that of another submit.", { url, found, expected: stamp });
  }
  const written = lines.map((line): Written => {
    const [sha256 = "", size = "", time = "", ...rest] = line.split("\t");
    return { sha256, size: Number(size), mtime_ms: Number(time) * 1000, path: rest.join("\t") };
  });
  return { stamp, exit_code: Number(code), started_ms: Number(started) * 1000, data, output, files, written };
}

/** Every file of the manifest is there with its size and content, below the job's own folder. */
async function requireWhole(scratch: string, { written }: Manifest, { url, job }: Expected): Promise<void> {
  const start = `${basename(job.workdir)}/`;
  for (const { path, size, sha256 } of written) {
    const outside = !path.startsWith(start) || path.split("/").includes("..");
    if (outside)
      throw new Refusal("osmo.download", "The manifest names a file outside the job's folder.", { url, path });
    const facts = await fileFacts(join(scratch, path));
    if (facts === undefined) throw new Refusal("osmo.download", "The output has a hole.", { url, missing: path });
    if (facts.size_bytes !== size || (await sha256OfFile(join(scratch, path))) !== sha256) {
      const found = { size_bytes: facts.size_bytes, expected_bytes: size };
      throw new Refusal("osmo.download", "A file of the output came changed or cut.", { url, path, ...found });
    }
  }
  if (written.length === 0) throw new Refusal("osmo.download", "The task wrote nothing.", { url });
}

/** Gives a file this host's paths where it names the pod's, and its age. */
async function settleFile(path: string, file: Written, manifest: Manifest, expected: Expected): Promise<void> {
  if (textual.test(path) && file.size <= textLimit) {
    const text = await readText(path);
    const here = onHost(text, manifest, expected);
    if (here !== text) await writeAtomic(path, here);
  }
  await setModified(path, expected.sent_at_ms + (file.mtime_ms - manifest.started_ms));
}

function onHost(text: string, { data, output, files }: Manifest, { job, roots, spec_path }: Expected): string {
  const pairs = [
    [`${files}/${basename(spec_path)}`, spec_path],
    ...roots.map((root, index) => [`${data}/${index}/`, `${root}/`]),
    [output, dirname(job.workdir)],
  ];
  return pairs.reduce((rest, [pod = "", host = ""]) => rest.replaceAll(pod, () => host), text);
}
