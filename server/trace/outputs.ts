import { dirname, join } from "node:path";
import { encode as encodeJpeg } from "jpeg-js";
import { PNG } from "pngjs";
import { type ImageHeader, imageHeader } from "../data/image-header.ts";
import { excerpt, Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { isInside } from "../fs/contained.ts";
import { filesBelow } from "../fs/folder.ts";
import { sha256OfFile } from "../fs/hash.ts";
import { readHead } from "../fs/head.ts";
import { setModified } from "../fs/modified.ts";
import { fileFacts } from "../fs/read.ts";
import { stampOf } from "../fs/stamp.ts";
import { defined } from "../run/defined.ts";
import type { Output, TraceLine } from "./format.ts";
import type { Pen } from "./pen.ts";
import { isKept, isKeptAside, namedText, restoreFile, type StoredFile, storeFile } from "./stored-file.ts";
import { isParquet, tableRows } from "./stored-table.ts";

/** Below a run directory, what the server itself keeps there: no job writes it. */
const serversOwn = /^(?:\.[^/]+|jobs|inputs)(?:\/|$)|^[^/]+$/;

/** Time and size of every file of a run that a job could write, by its relative path. */
export type Snapshot = ReadonlyMap<string, string>;

export async function takeSnapshot(runDir: string): Promise<Snapshot> {
  const names = (await filesBelow(runDir)).filter((name) => !serversOwn.test(name));
  return new Map(names.map((name) => [name, stampOf(join(runDir, name))]));
}

/**
 * Finds what a job left: every file of the run that is not the server's own and is not as it was `before`, or, where
 * another process saw the job begin, not older than that moment. The pen keeps a content before the output that names it
 * is returned.
 */
export async function collectOutputs(
  runDir: string,
  before: Snapshot | number,
  pen: Pick<Pen, "cleanFile" | "keep" | "keepAside">,
): Promise<Output[]> {
  const outputs: Output[] = [];
  for (const relative of await filesBelow(runDir)) {
    if (serversOwn.test(relative)) continue;
    const path = join(runDir, relative);
    const facts = await fileFacts(path);
    if (facts === undefined) continue;
    const isOld = typeof before === "number" ? facts.mtime_ms < before : before.get(relative) === stampOf(path);
    if (isOld) continue;
    const { size_bytes, mtime_ms } = facts;
    const base = {
      path: pen.cleanFile(relative),
      sha256: await sha256OfFile(path),
      size_bytes,
      mtime_ms: Math.round(mtime_ms),
    };
    const stored = await keptContent(path, base, pen);
    const image = stored === undefined ? await imageFacts(path) : undefined;
    outputs.push({ ...base, ...defined({ stored, image }) });
  }
  return outputs;
}

/** The name of a content that the trace holds whole. */
async function keptContent(
  path: string,
  { sha256, size_bytes }: Pick<Output, "sha256" | "size_bytes">,
  pen: Pick<Pen, "cleanFile" | "keep" | "keepAside">,
): Promise<string | undefined> {
  try {
    const file = isKept(path, size_bytes) ? await storeFile(path, pen.cleanFile) : undefined;
    if (file !== undefined) return pen.keep(file);
    if (!isKeptAside(path)) return undefined;
    const text = isParquet(path) ? await tableRows(path, pen.cleanFile) : namedText(path, sha256, pen.cleanFile);
    return text === undefined ? undefined : await pen.keepAside(text);
  } catch (error) {
    // No text or no table after all, or one without lines: it is known by its hash.
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The texts and tables of jobs that a replay has stand-ins for: a trace has what was read of tables of embeddings. */
export function stoodInFor(lines: readonly TraceLine[]): string[] {
  const read = lines.flatMap((line) => (line.kind === "embeddings" ? [line.source, line.targets] : []));
  const isUnknown = ({ path, stored }: Output): boolean =>
    stored === undefined && isKeptAside(path) && !read.some((table) => table.endsWith(`/${path}`));
  const outputs = lines.flatMap((line) => (line.kind === "job-end" ? line.outputs.filter(isUnknown) : []));
  return [...new Set(outputs.map(({ path }) => path))];
}

/**
 * Puts a recorded output on the disk. A file beyond the cap is stood in for (`standIn`).
 *
 * @throws Refusal `trace.unusable` for a path outside the run, or content that cannot be read.
 */
export async function restoreOutput(
  runDir: string,
  output: Output,
  files: ReadonlyMap<string, StoredFile>,
  change: (text: string) => string,
): Promise<void> {
  const path = join(runDir, change(output.path));
  if (!isInside(runDir, path)) {
    throw new Refusal("trace.unusable", "A recorded file lies outside its run.", { path: excerpt(output.path) });
  }
  await makeDirectory(dirname(path));
  const file = output.stored === undefined ? undefined : files.get(output.stored);
  if (file !== undefined) await restoreFile(path, file, change);
  else await writeAtomic(path, standIn(output.sha256, output.image));
  await setModified(path, output.mtime_ms);
}

const headBytes = 65_536;

/** Format and size of an image file, or undefined when it is none. */
async function imageFacts(path: string): Promise<ImageHeader | undefined> {
  const head = Buffer.alloc(headBytes);
  const read = await readHead(path, head);
  return typeof read === "number" ? imageHeader(head.subarray(0, read), () => new Uint8Array()) : undefined;
}

/**
 * What stands in a replay for a file whose content was too large to keep: an image of the same format and size with a
 * pattern of its hash, so that it can be decoded and equals no other, else the hash as text.
 */
function standIn(sha256: string, image: ImageHeader | undefined): Uint8Array {
  if (image === undefined || (image.format !== "jpeg" && image.format !== "png")) {
    return Buffer.from(`stand-in for ${sha256}\n`);
  }
  const { width, height } = image;
  const shades = Buffer.from(sha256, "hex");
  const data = Buffer.alloc(width * height * 4, 255);
  for (let pixel = 0; pixel < width * height; pixel++) {
    // Blocks of eight survive a JPEG encoding.
    const block = ((pixel % width) >> 3) + (Math.floor(pixel / width) >> 3) * 5;
    data.fill(shades[block % shades.length] ?? 0, pixel * 4, pixel * 4 + 3);
  }
  return image.format === "jpeg"
    ? encodeJpeg({ data, width, height }, 90).data
    : PNG.sync.write(Object.assign(new PNG({ width, height }), { data }));
}
