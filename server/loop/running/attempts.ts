import { join } from "node:path";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAs } from "../../fs/json.ts";
import { listNames } from "../../fs/read.ts";
import { type Attempt, attemptSchema, type JobRecord, jobRecordSchema } from "../../run/job.ts";
import type { IterationLabel, StageName } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";

/** Where an attempt's record lies. */
function attemptPath(runDir: string, attempt: Pick<Attempt, "iteration" | "stage" | "attempt">): string {
  return join(runPaths(runDir).jobs, `${attempt.iteration}-${attempt.stage}-${attempt.attempt}.attempt`);
}

/** The newest attempt at a stage, finished or not. */
export async function latestAttempt(
  runDir: string,
  iteration: IterationLabel,
  stage: StageName | "reproduce" | "holdout",
): Promise<Attempt | undefined> {
  const pattern = new RegExp(`^${iteration}-${stage}-(\\d+)\\.attempt$`);
  const numbers = (await listNames(runPaths(runDir).jobs)).flatMap((name) => pattern.exec(name)?.[1] ?? []).map(Number);
  if (numbers.length === 0) return undefined;
  return await readAs(attemptPath(runDir, { iteration, stage, attempt: Math.max(...numbers) }), attemptSchema);
}

/** Whether any stage of the run was ever begun. */
export async function hasAttempts(runDir: string): Promise<boolean> {
  return (await listNames(runPaths(runDir).jobs)).some((name) => name.endsWith(".attempt"));
}

export async function saveAttempt(runDir: string, attempt: Attempt): Promise<void> {
  await writeAtomic(attemptPath(runDir, attempt), `${JSON.stringify(attempt, null, 2)}\n`);
}

export async function readRecord(runDir: string, id: string): Promise<JobRecord> {
  return await readAs(runPaths(runDir).jobRecord(id), jobRecordSchema);
}

export async function saveRecord(runDir: string, record: JobRecord): Promise<void> {
  await writeAtomic(runPaths(runDir).jobRecord(record.spec.id), `${JSON.stringify(record, null, 2)}\n`);
}
