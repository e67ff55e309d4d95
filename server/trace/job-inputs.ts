import { createHash } from "node:crypto";
import { join } from "node:path";
import { Refusal } from "../errors.ts";
import { readChunks } from "../fs/chunks.ts";
import { isInside } from "../fs/contained.ts";
import { sha256 } from "../fs/hash.ts";
import { wholeLines } from "../fs/lines.ts";
import { fileFacts, kindOf, readText } from "../fs/read.ts";
import { defined } from "../run/defined.ts";
import type { JobSpec } from "../run/job.ts";
import { blurText } from "./blur.ts";
import type { JobInput } from "./format.ts";
import { hashOfStored, type Inline, storeFile, storeJson, textOf } from "./stored-file.ts";
import { isParquet, readTable } from "./stored-table.ts";

/** A file that a job is given, as a trace would hold it; one that is too long without its content. */
export type ReadInput = {
  readonly input: JobInput;
  readonly file?: Inline;
  /** Whether it is so long that traces of before did not name it. */
  readonly long?: true;
};

type Reading = {
  /** Writes names for what differs between two runs. */
  readonly change: (text: string) => string;
  /** Whether a job wrote the file with this path in the run: what jobs hand to each other is no word of the server. */
  isOutput(relative: string): boolean;
};

const readable = /\.(ya?ml|jsonl?|csv|txt|parquet)$/i;
const spec = /\.ya?ml$/i;
/** Contents beyond the second are known by their hash alone, larger files are hashed piece by piece. */
const caps = { read_bytes: 16 * 1024 * 1024, kept_characters: 1024 * 1024 };

/**
 * Reads what the server wrote for a job: texts and tables of the run that its arguments name, and those that a spec
 * among them names. Declared normalisations are applied to the contents.
 */
export async function readInputs(
  runDir: string,
  { argv }: Pick<JobSpec, "argv">,
  reading: Reading,
): Promise<ReadInput[]> {
  const change = (text: string) => blurText(reading.change(text));
  const named = new Set(pathsIn(argv.join("\n"), runDir));
  const inputs: ReadInput[] = [];
  // A set that grows while it is walked hands out what was added.
  for (const relative of named) {
    const path = join(runDir, relative);
    if (!readable.test(relative) || !isInside(runDir, path) || reading.isOutput(relative)) continue;
    const content = await contentIfPresent(path, change);
    if (content === undefined) continue;
    const { sha256, ...rest } = content;
    const stored = rest.file && hashOfStored(rest.file);
    inputs.push({ input: { path: reading.change(path), sha256, ...defined({ stored }) }, ...rest });
    if (spec.test(relative) && rest.long !== true)
      for (const more of pathsIn(withoutNotes(await readText(path)), runDir)) named.add(more);
  }
  return inputs;
}

/** A spec's notes tell what it was derived from, which its job never reads. */
const withoutNotes = (text: string): string => text.replace(/^\s*#.*$/gm, "");

/** What a text names below a directory, relative to it. */
function pathsIn(text: string, dir: string): string[] {
  return text
    .split(`${dir}/`)
    .slice(1)
    .flatMap((rest) => /^[^\s"',\])}]+/.exec(rest)?.[0] ?? []);
}

type Content = Omit<ReadInput, "input"> & { readonly sha256: string };

async function contentIfPresent(path: string, change: (text: string) => string): Promise<Content | undefined> {
  if ((await kindOf(path)) !== "file") return undefined;
  const isLong = ((await fileFacts(path))?.size_bytes ?? 0) > caps.read_bytes;
  const long = isLong ? ({ long: true } as const) : {};
  try {
    if (isParquet(path)) return { ...(await tableContent(path, change, isLong)), ...long };
    return isLong ? { sha256: await hashOfLines(path, change), ...long } : await textContent(path, change);
  } catch (error) {
    // A table that cannot be read is the job's to complain of.
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

async function tableContent(path: string, change: (text: string) => string, isLong: boolean): Promise<Content> {
  const { sha256, json } = await readTable(path, change, { longest: caps.kept_characters, vectors: !isLong });
  return json === undefined ? { sha256 } : { sha256, file: storeJson(json) };
}

async function hashOfLines(path: string, change: (text: string) => string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of wholeLines(readChunks(path), path)) hash.update(change(piece));
  return hash.digest("hex");
}

async function textContent(path: string, change: (text: string) => string): Promise<Content | undefined> {
  const file = await storeFile(path, change);
  if (file === undefined) return undefined;
  const text = textOf(file);
  return { sha256: sha256(text), ...(text.length <= caps.kept_characters ? { file } : {}) };
}
