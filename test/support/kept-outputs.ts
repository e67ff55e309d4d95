import { asidePath, type Pieces, putAside } from "../../server/trace/aside.ts";
import { collectOutputs } from "../../server/trace/outputs.ts";
import type { StoredFile } from "../../server/trace/stored-file.ts";

/** What a trace keeps of the files that jobs left in a run, and the files that lie beside it; the run's path has a name there. */
export async function keptOutputs(run: string, trace: string) {
  const files = new Map<string, StoredFile>();
  const outputs = await collectOutputs(run, 0, {
    cleanFile: (text) => text.replaceAll(run, "{run}"),
    keep: () => "inline",
    async keepAside(pieces: Pieces) {
      const { sha256, size_bytes } = await putAside(trace, pieces);
      files.set(sha256, { encoding: "aside", path: asidePath(trace, sha256), size_bytes });
      return sha256;
    },
  });
  return { outputs, files };
}
