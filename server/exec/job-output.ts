import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errnoOf, Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { sha256, sha256OfFile } from "../fs/hash.ts";
import { parseJson } from "../fs/json.ts";
import { readText, readTextIfPresent } from "../fs/read.ts";
import type { JobSpec } from "../run/job.ts";
import { redactor } from "../run/redact.ts";

const fileSchema = z.object({ path: z.string(), stamp: z.string(), sha256: z.string().optional() });
const outputSchema = z.object({
  /** Nobody of ours saw the job end: the files are those found later. */
  unwatched: z.boolean().optional(),
  detail: z.string().optional(),
  files: z.array(fileSchema),
});
/** Every file below a job's working directory, as it was when the job had ended. */
export type JobOutput = z.infer<typeof outputSchema>;
type LeftFile = JobOutput["files"][number];

type Env = Parameters<typeof redactor>[0];
type Note = Omit<JobOutput, "files">;

/** Where the note of a job lies, beside its record. */
function notePath(recordPath: string): string {
  return `${recordPath.replace(/\.json$/, "")}.output`;
}

/**
 * Notes what a job left, before anybody is told that it ended: the stage is committed on these very files. Secrets are
 * taken out of its log first, which is evidence that is kept and shown.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function noteOutput(
  recordPath: string,
  { workdir, log_path }: Pick<JobSpec, "workdir" | "log_path">,
  env: Env,
  note: Note = {},
): Promise<void> {
  await scrubLog(log_path, env);
  const files: LeftFile[] = [];
  for (const [path, stamp] of await stampsBelow(workdir)) files.push(await leftFile(path, stamp));
  const text = JSON.stringify({ ...note, files });
  await writeAtomic(notePath(recordPath), `${text}\n${sha256(text)}\n`);
}

/**
 * Takes secrets out of what a job printed. A log that is not there, or too long to be read, is nobody's evidence.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function scrubLog(path: string, env: Env): Promise<void> {
  const text = await readText(path).catch(withoutText);
  const clean = redactor(env)(text);
  if (clean !== text) await writeAtomic(path, clean);
}

/** The note of a job; undefined when there is none, or none that is as it was written. */
export async function notedOutput(recordPath: string): Promise<JobOutput | undefined> {
  const [text = "", seal] = ((await readTextIfPresent(notePath(recordPath))) ?? "").split("\n");
  if (text === "" || seal !== sha256(text)) return undefined;
  return outputSchema.parse(parseJson(text));
}

/** Files of a note that are not what they were: gone, or with other content. Untouched ones are not read. */
export async function changedSince({ files }: JobOutput): Promise<string[]> {
  const changed: string[] = [];
  for (const { path, stamp, sha256: left } of files) {
    const now = await stampIfPresent(path);
    if (now === stamp) continue;
    if (now === undefined || left === undefined || (await leftFile(path, now)).sha256 !== left) changed.push(path);
  }
  return changed;
}

/** Kind, size, times and inode of every file and link below a directory, by path; links are not followed. */
export async function stampsBelow(directory: string): Promise<ReadonlyMap<string, string>> {
  const stamps = new Map<string, string>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }).catch(nothing)) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const stamp = await stampIfPresent(path);
    if (stamp !== undefined) stamps.set(path, stamp);
  }
  return stamps;
}

async function stampIfPresent(path: string): Promise<string | undefined> {
  try {
    const { mode, size, mtimeMs, ctimeMs, ino } = await lstat(path);
    return `${mode & 0o170000} ${size} ${mtimeMs} ${ctimeMs} ${ino}`;
  } catch (error) {
    nothing(error);
    return undefined;
  }
}

/**
 * A link counts by itself: what it leads to is judged by the gate of the paths. A file that cannot be read, as root's
 * where giving back failed, counts by its stamp alone: whether it is needed is the collector's to say.
 */
async function leftFile(path: string, stamp: string): Promise<LeftFile> {
  if (!stamp.startsWith(`${0o100000} `)) return { path, stamp };
  try {
    return { path, stamp, sha256: await sha256OfFile(path) };
  } catch (error) {
    if (error instanceof Refusal) return { path, stamp };
    throw error;
  }
}

function withoutText(error: unknown): string {
  if (error instanceof Refusal) return "";
  throw error;
}

/** No entries, for what is not there. */
function nothing(error: unknown): [] {
  const errno = errnoOf(error);
  if (errno === "ENOENT" || errno === "ENOTDIR") return [];
  throw error;
}
