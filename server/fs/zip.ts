import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Zip, ZipPassThrough } from "fflate";
import { changing, writeFailure } from "./write-failure.ts";

/**
 * Packs files below `root` into one zip, streamed and stored as they are: images do not shrink. The zip takes its name
 * only when it is whole.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function writeZip(path: string, root: string, names: readonly string[]): Promise<void> {
  const partial = `${path}.partial`;
  const out = createWriteStream(partial);
  const failed = once(out, "error").then(([error]) => Promise.reject(writeFailure(path, error)));
  failed.catch(() => undefined);
  let flushed = Promise.resolve();
  const zip = new Zip((error, chunk) => {
    if (error) out.destroy(error);
    else if (!out.write(chunk)) flushed = once(out, "drain").then(() => undefined);
  });
  try {
    for (const name of names) {
      const entry = new ZipPassThrough(name);
      zip.add(entry);
      for await (const piece of createReadStream(join(root, name))) {
        entry.push(piece);
        await Promise.race([flushed, failed]);
      }
      entry.push(new Uint8Array(0), true);
    }
    zip.end();
    out.end();
    await Promise.race([once(out, "close"), failed]);
    await changing(path, () => rename(partial, path));
  } catch (error) {
    out.destroy();
    await unlink(partial).catch(() => undefined);
    throw error;
  }
}
