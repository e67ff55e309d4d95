import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { pipeline as piped, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { readChunks } from "../fs/chunks.ts";
import { putInPlace, withScratchFolder } from "../fs/folder.ts";
import { wholeLines } from "../fs/lines.ts";
import { fileFacts, listNames } from "../fs/read.ts";
import { openRegular } from "../fs/regular-file.ts";

/** A text beyond what a line of a trace may hold, packed in a file beside the connections. Never in memory as a whole. */
export type Aside = { readonly encoding: "aside"; readonly path: string; readonly size_bytes: number };
/** A text, piece by piece. */
export type Pieces = Iterable<string> | AsyncIterable<string>;
/** What writes a text of whole lines to a file itself: rows that come unasked cannot wait for the packer. */
export type Writer = (file: string) => Promise<void>;
/** One that was just put there; `packed_bytes` is what it adds to the trace. */
export type PutAside = { readonly sha256: string; readonly size_bytes: number; readonly packed_bytes: number };

/** Below a trace, where its texts of this kind are, each under the sha256 of what it holds. */
const asideFolder = "files";
const pieceSize = 1 << 16;

/** @throws Refusal `trace.unusable` for what is no sha256, and so no name of such a file. */
export function asidePath(trace: string, sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Refusal("trace.unusable", "A file beside the trace has another name than a sha256.", {});
  }
  return join(trace, asideFolder, `${sha256}.gz`);
}

/** Bytes that a trace has beside its connections. */
export async function asideBytes(trace: string): Promise<number> {
  const folder = join(trace, asideFolder);
  const facts = await Promise.all((await listNames(folder)).map((name) => fileFacts(join(folder, name))));
  return facts.reduce((sum, one) => sum + (one?.size_bytes ?? 0), 0);
}

/** Packs a text into a file of a trace. @throws Refusal `input.write-failed`, or what the text throws. */
export async function putAside(trace: string, text: Pieces | Writer): Promise<PutAside> {
  const hash = createHash("sha256");
  let size_bytes = 0;
  async function* counted(pieces: Pieces) {
    for await (const piece of gathered(pieces)) {
      const bytes = Buffer.from(piece);
      hash.update(bytes);
      size_bytes += bytes.length;
      yield bytes;
    }
  }
  return await withScratchFolder(join(trace, asideFolder), async (scratch) => {
    const packed = join(scratch, "packed");
    const pieces = typeof text === "function" ? await written(text, join(scratch, "text")) : text;
    await pipeline(counted(pieces), createGzip(), (chunks: AsyncIterable<Uint8Array>) =>
      writeAtomic(packed, chunks, 0o600),
    );
    const sha256 = hash.digest("hex");
    const packed_bytes = (await fileFacts(packed))?.size_bytes ?? 0;
    const path = asidePath(trace, sha256);
    await makeDirectory(dirname(path));
    await putInPlace(packed, path);
    return { sha256, size_bytes, packed_bytes };
  });
}

async function written(write: Writer, file: string): Promise<Pieces> {
  await write(file);
  return wholeLines(readChunks(file), file);
}

/** The same text in pieces that are worth a step of the packer: one for each of a million rows takes forty times as long. */
async function* gathered(pieces: Pieces): AsyncGenerator<string> {
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (text.length < pieceSize) continue;
    yield text;
    text = "";
  }
  yield text;
}

/**
 * The text again, in pieces that end with a line.
 *
 * @throws Refusal `trace.unusable` for a file that is gone, spoiled, or longer than the trace says.
 */
export async function* readAside({ path, size_bytes }: Aside): AsyncGenerator<string, void, undefined> {
  try {
    yield* wholeLines(atMost(size_bytes, await unpacking(path)), path);
  } catch (error) {
    if (error instanceof Refusal && error.code === "trace.unusable") throw error;
    throw new Refusal("trace.unusable", "A file beside the trace cannot be read.", { path }, { cause: error });
  }
}

async function unpacking(path: string): Promise<Readable> {
  const { file } = await openRegular(path);
  // What goes wrong reaches the reader of the last stream; the callback has nothing to add.
  return piped(file.createReadStream(), createGunzip(), () => undefined);
}

async function* atMost(size_bytes: number, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
    if (size > size_bytes) throw new Refusal("trace.unusable", "A file beside the trace is too long.", { size_bytes });
    yield piece;
  }
}
