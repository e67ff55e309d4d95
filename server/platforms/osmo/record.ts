import { join } from "node:path";
import { z } from "zod";
import { Refusal, type RefusalCode, refusals } from "../../errors.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { sha256 } from "../../fs/hash.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import { fileFacts } from "../../fs/read.ts";
import { type JobExit, type JobRecord, jobExitSchema } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";

/** Files beside the record of a job that runs as an OSMO task. */
export function osmoFiles(runDir: string, jobId: string) {
  const stem = join(runPaths(runDir).jobs, jobId);
  return {
    record: `${stem}.json`,
    task: `${stem}.osmo`,
    workflow: `${stem}.osmo.yaml`,
    exit: `${stem}.exit`,
    cancel: `${stem}.cancel`,
    keeper: `${stem}.osmo-keeper`,
  };
}

const troubleSchema = z.object({ code: z.string(), message: z.string(), facts: z.record(z.string(), z.unknown()) });

/** `jobs/<id>.osmo`: what was sent to OSMO, on disk before it is sent. */
const taskSchema = z.object({
  /** Occurs in no other workflow, so a lost answer can be looked up by it. */
  workflow_name: z.string(),
  /** Names this submit in the output prefix and in the manifest that the task writes last. */
  stamp: z.string(),
  pool: z.string(),
  output_url: z.string(),
  state: z.enum(["staging", "sending", "submitted"]),
  sent_at: z.string().optional(),
  workflow_id: z.string().optional(),
  /** Status at the last look, with the last line of the task's log. */
  status: z.string().optional(),
  last_line: z.string().optional(),
  /** Why the keeper gave up; told once, and the next look starts another keeper. */
  trouble: troubleSchema.optional(),
});
export type OsmoTask = z.output<typeof taskSchema>;

export async function readTask(runDir: string, jobId: string): Promise<OsmoTask | undefined> {
  return await readAsIfPresent(osmoFiles(runDir, jobId).task, taskSchema);
}

export async function saveTask(runDir: string, jobId: string, task: OsmoTask): Promise<void> {
  await writeAtomic(osmoFiles(runDir, jobId).task, `${JSON.stringify(task, null, 2)}\n`);
}

/** What a submit is known by; the same for the same record, so that a keeper that starts anew goes on with it. */
export function taskIdentity(runDir: string, record: Pick<JobRecord, "spec" | "created_at">) {
  const stamp = sha256(`${runDir}\n${record.spec.id}\n${record.created_at}`).slice(0, 12);
  return { stamp, workflow_name: `deft-${record.spec.id.slice(0, 40).replaceAll("_", "-")}-${stamp}` };
}

export async function readExit(runDir: string, jobId: string): Promise<JobExit | undefined> {
  return await readAsIfPresent(osmoFiles(runDir, jobId).exit, jobExitSchema);
}

export async function saveExit(runDir: string, jobId: string, exit: JobExit): Promise<void> {
  await writeAtomic(osmoFiles(runDir, jobId).exit, JSON.stringify(exit));
}

/** Whether a human asked for this job's end. */
export async function isCancelled(runDir: string, jobId: string): Promise<boolean> {
  return (await fileFacts(osmoFiles(runDir, jobId).cancel)) !== undefined;
}

/** A keeper's trouble as the refusal that it was. */
export function asRefusal(trouble: NonNullable<OsmoTask["trouble"]>): Refusal {
  const code = trouble.code in refusals ? (trouble.code as RefusalCode) : "osmo.rejected";
  return new Refusal(code, trouble.message, trouble.facts);
}
