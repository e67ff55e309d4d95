import { join } from "node:path";
import { isCancelled } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { readTextIfPresent } from "../../fs/read.ts";
import { removeIfPresent } from "../../fs/remove.ts";
import type { JobRecord } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { redactedExcerpt } from "../../run/redact.ts";
import { waitUntil } from "../../run/wait.ts";
import { readShellClaim, shellJob } from "../shell-job.ts";
import { batchArguments } from "./argv.ts";
import type { Slurm } from "./cli.ts";
import { cancelJobs, chosenOf, queued } from "./queue.ts";
import { readTask, type SlurmTask, saveTask, taskName, taskPath } from "./record.ts";
import type { SlurmSettings } from "./settings.ts";

/** One job of a run on its way to SLURM. */
export type Sending = {
  readonly stem: string;
  readonly runDir: string;
  readonly record: JobRecord;
  readonly slurm: Slurm;
  readonly settings: SlurmSettings;
  readonly gpus: number;
  /** The program as a node starts it. */
  readonly argv: readonly string[];
  /** How long a submit without an answer may still arrive, ms. */
  readonly settleMs: number;
};

const lookPace = { first_ms: 250, most_ms: 2000 };

/**
 * The job's submit, sent once: its name is on disk before it is sent, and one without a known end is looked up by that
 * name until it is sure that nobody took it. Undefined when the job was cancelled before it was sent.
 *
 * @throws Refusal `executor.refused-submit` of the scheduler; `executor.unavailable` when no answer came: the next call
 * goes on.
 */
export async function submittedTask(sending: Sending): Promise<SlurmTask | undefined> {
  const { stem } = sending;
  const known = await readTask(stem);
  if (known?.state === "submitted") return known;
  if (known?.state === "sending") {
    const found = await lookUp(sending, known);
    if (found !== undefined) return await taken(sending, known, found);
  }
  if (await isCancelled(stem)) return undefined;
  return await send(sending);
}

async function send(sending: Sending): Promise<SlurmTask> {
  const { stem, runDir, record, slurm, settings, gpus, argv } = sending;
  const name = taskName(runDir, record);
  const directory = runPaths(runDir).jobs;
  const script = await scriptOf(directory);
  const task: SlurmTask = { name, state: "sending", sent_at: new Date().toISOString() };
  await saveTask(stem, task);
  const wish = { name, stem, script, directory, spec: record.spec, settings, gpus, argv };
  const answer = await slurm.run("sbatch", batchArguments(wish));
  // Several clusters are told apart behind a semicolon.
  const id = /^(\d+)(?:;.*)?$/m.exec(answer.stdout)?.[1];
  if (answer.code === 0 && id !== undefined) return await taken(sending, task, id);
  await removeIfPresent(taskPath(stem));
  const said = redactedExcerpt(answer.stderr.trim(), 400);
  throw new Refusal("executor.refused-submit", "SLURM takes no such job.", { job: record.spec.id, said });
}

/** The script of all jobs of a run; `sbatch` reads it when it is sent. */
async function scriptOf(directory: string): Promise<string> {
  const path = join(directory, "slurm-job.sh");
  const text = `#!/bin/sh\nexec >>"$1.slurm.log" 2>&1\n${shellJob}`;
  if ((await readTextIfPresent(path)) !== text) await writeAtomic(path, text);
  return path;
}

async function taken({ stem }: Sending, task: SlurmTask, job_id: string): Promise<SlurmTask> {
  const next: SlurmTask = { ...task, state: "submitted", job_id };
  await saveTask(stem, next);
  return next;
}

/** Looks until the job is found or the time is over in which a submit that was under way could still arrive. */
async function lookUp({ stem, slurm, settleMs }: Sending, task: SlurmTask): Promise<string | undefined> {
  const left = Date.parse(task.sent_at) + settleMs - Date.now();
  const bounds = { deadline: performance.now() + left };
  return await waitUntil(() => lookOnce(slurm, stem, task), lookPace, bounds);
}

/** The job of a name. A second one that has not begun is taken back; one that has finds the first one's claim. */
async function lookOnce(slurm: Slurm, stem: string, { name }: SlurmTask): Promise<string | undefined> {
  const claimedBy = (await readShellClaim(stem))?.who;
  const jobs = await queued(slurm, { name });
  const chosen = chosenOf(jobs, claimedBy)?.id ?? claimedBy;
  const others = jobs.map(({ id }) => id).filter((id) => id !== chosen);
  await cancelJobs(slurm, others, "pending");
  return chosen;
}
