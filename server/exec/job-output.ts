import { z } from "zod";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { sha256, sha256OfFile } from "../fs/hash.ts";
import { parseJson } from "../fs/json.ts";
import { readText, readTextIfPresent } from "../fs/read.ts";
import { isFileStamp, stampOf, stampsBelow } from "../fs/stamp.ts";
import type { Env } from "../run/env.ts";
import type { JobSpec } from "../run/job.ts";
import { redactor } from "../run/redact.ts";
import { waitUntil } from "../run/wait.ts";

const fileSchema = z.object({
  path: z.string(),
  stamp: z.string(),
  sha256: z.string().optional(),
  /** Of a log: the same without secrets that only the server knew. */
  scrubbed_sha256: z.string().optional(),
});
const outputSchema = z.object({
  /** Nobody of ours saw the job end: the files are those found later. */
  unwatched: z.boolean().optional(),
  detail: z.string().optional(),
  files: z.array(fileSchema),
});
/** Every file below a job's working directory, as it was when the job had ended. */
export type JobOutput = z.infer<typeof outputSchema>;
type LeftFile = JobOutput["files"][number];

/** What is to be said of a job's end besides its files. */
export type EndRemarks = Omit<JobOutput, "files">;

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
  remarks: EndRemarks = {},
): Promise<void> {
  await scrubLog(recordPath, log_path, env);
  const files: LeftFile[] = [];
  for (const [path, stamp] of await stampsBelow(workdir)) files.push(await leftFile(path, stamp));
  await writeNote(recordPath, { ...remarks, files });
}

/**
 * Notes what a job left on a machine that is not this one, by the digests that were made there. Its clock and the inodes
 * of a file system between the two do not count: what this host sees gets a stamp of this host once its content is the
 * reported one, which is waited for until `lateMs` have passed; anything else then counts as changed.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function noteReported(
  recordPath: string,
  workdir: string,
  digests: ReadonlyMap<string, string>,
  lateMs: number,
): Promise<void> {
  const deadline = performance.now() + lateMs;
  const files: LeftFile[] = [];
  for (const [path, digest] of digests) {
    const stamp = await waitUntil(() => stampOnceEqual(path, digest), latePace, { deadline });
    files.push({ path, stamp: stamp ?? "elsewhere", sha256: digest });
  }
  for (const [path, stamp] of await stampsBelow(workdir)) if (!isFileStamp(stamp)) files.push({ path, stamp });
  await writeNote(recordPath, { files });
}

const latePace = { first_ms: 100, most_ms: 2000 };

async function stampOnceEqual(path: string, digest: string): Promise<string | undefined> {
  const stamp = stampOf(path, "themselves");
  return (await leftFile(path, stamp)).sha256 === digest ? stamp : undefined;
}

async function writeNote(recordPath: string, output: JobOutput): Promise<void> {
  const text = JSON.stringify(output);
  await writeAtomic(notePath(recordPath), `${text}\n${sha256(text)}\n`);
}

/**
 * Takes secrets out of what a job printed; the note of the job, where there is one, then allows that log too. A log that
 * is not there, or too long to be read, is nobody's evidence.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function scrubLog(recordPath: string, path: string, env: Env): Promise<void> {
  const text = await readText(path).catch(withoutText);
  const clean = redactor(env)(text);
  if (clean === text) return;
  // The note first: a kill between the two leaves the log as the job left it.
  const output = await notedOutput(recordPath);
  const now = await sha256OfFile(path);
  const isLeft = (file: LeftFile) => file.path === path && file.sha256 === now;
  if (output?.files.some(isLeft)) {
    const files = output.files.map((file) => (isLeft(file) ? { ...file, scrubbed_sha256: sha256(clean) } : file));
    await writeNote(recordPath, { ...output, files });
  }
  await writeAtomic(path, clean);
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
  for (const { path, stamp, sha256: left, scrubbed_sha256: scrubbed } of files) {
    const seen = stampOf(path, "themselves");
    if (seen === stamp) continue;
    const now = seen === "absent" ? undefined : (await leftFile(path, seen)).sha256;
    if (now === undefined || (now !== left && now !== scrubbed)) changed.push(path);
  }
  return changed;
}

/**
 * A link counts by itself: what it leads to is judged by the gate of the paths. A file that cannot be read, as root's
 * where giving back failed, counts by its stamp alone: whether it is needed is the collector's to say.
 */
async function leftFile(path: string, stamp: string): Promise<LeftFile> {
  if (!isFileStamp(stamp)) return { path, stamp };
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
