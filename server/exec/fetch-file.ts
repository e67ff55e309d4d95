import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { errnoOf, excerpt, Refusal } from "../errors.ts";
import { writeFailure } from "../fs/write-failure.ts";

/**
 * Fetches a file over HTTP into `path`: beside it first, under its name only when it is whole. The token goes into a
 * header and nowhere else.
 *
 * @throws Refusal `executor.fetch` when the host does not answer or refuses; `input.write-failed` for the disk.
 */
export async function fetchFile(url: string, path: string, token: string | undefined): Promise<void> {
  const part = `${path}.part`;
  try {
    const answer = await fetch(url, token ? { headers: { authorization: `Bearer ${token}` } } : {});
    if (!answer.ok || answer.body === null) {
      throw new Refusal("executor.fetch", `${url} answered ${answer.status}.`, { url, path, status: answer.status });
    }
    await pipeline(Readable.fromWeb(answer.body), createWriteStream(part));
    const file = await open(part, "r+");
    const { size } = await file.stat();
    await file.sync();
    await file.close();
    const expected = Number(answer.headers.get("content-length") ?? size);
    if (size === 0 || size !== expected) {
      throw new Refusal("executor.fetch", `${url} ended early.`, { url, path, size, expected });
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof Refusal) throw error;
    if (errnoOf(error) !== undefined) throw writeFailure(path, error);
    const reason = excerpt(error instanceof Error ? String(error.cause ?? error.message) : String(error));
    throw new Refusal("executor.fetch", `${url} cannot be reached.`, { url, path, reason }, { cause: error });
  }
}
