import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../../errors.ts";
import { identityOf, isOwnerAlive } from "../../exec/identity.ts";
import { noteOutput } from "../../exec/job-output.ts";
import { type OsmoClient, openClient } from "../../exec/osmo/client.ts";
import type { WorkflowAnswer } from "../../exec/osmo/shapes.ts";
import { hasStarted, isTerminal } from "../../exec/osmo/statuses.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { fileFacts } from "../../fs/read.ts";
import { takeTurn, turnBegins, turnTaken } from "../../fs/turn.ts";
import type { JobExit, JobRecord } from "../../run/job.ts";
import { exitOfWorkflow } from "./exit.ts";
import { hostPlaces } from "./inputs.ts";
import { bringBack } from "./outputs.ts";
import {
  isCancelled,
  type OsmoTask,
  osmoFiles,
  readExit,
  readTask,
  saveExit,
  saveTask,
  taskIdentity,
} from "./record.ts";
import { submittedTask } from "./submit.ts";
import { taskName } from "./task.ts";

/** One recorded job, and how often it is looked at; tests shorten the pace. */
export type KeptTask = {
  readonly runDir: string;
  readonly record: JobRecord;
  readonly env: NodeJS.ProcessEnv;
  readonly pace?: { readonly first_ms: number; readonly most_ms: number; readonly settle_ms: number };
};

/**
 * Looks slow down from one second to half a minute. An answer counts as lost for good after six minutes: by then the
 * CLI, which tries five times a minute, has given up.
 */
const usualPace = { first_ms: 1000, most_ms: 30_000, settle_ms: 360_000 };
const startLimitMs = 3000;
const logLimitSec = 5;
const logLines = 2000;
/** Looks that may fail in a row before the keeper gives up and says why. */
const patience = 40;

/** Whether a process on this host keeps the job now. */
export async function isKept(runDir: string, jobId: string): Promise<boolean> {
  return await turnTaken(osmoFiles(runDir, jobId).keeper, isOwnerAlive);
}

/** Waits a moment for the keeper that was just started, so that no second one is started meanwhile. */
export async function keeperBegins(runDir: string, jobId: string): Promise<void> {
  await turnBegins(osmoFiles(runDir, jobId).keeper, isOwnerAlive, startLimitMs);
}

/**
 * Takes a recorded job through its life on OSMO: inputs to the storage, one submit, looks until the workflow ends,
 * outputs back, exit written. Of several keepers of one job exactly one works; the others return at once.
 *
 * Everything is on disk before it takes effect, so a keeper that died anywhere is followed by one that goes on. A
 * refusal ends the keeper, not the job: it is kept as the task's trouble, told once, and tried again.
 */
export async function keepTask(kept: KeptTask): Promise<void> {
  const { runDir, record } = kept;
  const { id } = record.spec;
  const identity = await identityOf(process.pid);
  const turn = await takeTurn(osmoFiles(runDir, id).keeper, { ...identity }, isOwnerAlive);
  if (turn === undefined) return;
  try {
    if ((await readExit(runDir, id)) === undefined) await live(kept);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const trouble = { code: error.code, message: error.message, facts: { ...error.facts } };
    await saveTask(runDir, id, { ...((await readTask(runDir, id)) ?? unsent(runDir, record)), trouble });
  } finally {
    await turn.release();
  }
}

function unsent(runDir: string, record: JobRecord): OsmoTask {
  return { ...taskIdentity(runDir, record), pool: "", output_url: "", state: "staging" };
}

async function live(kept: KeptTask): Promise<void> {
  const { runDir, record, env } = kept;
  const { id } = record.spec;
  const client = openClient({ env });
  const pace = kept.pace ?? usualPace;
  const task = await submittedTask({ runDir, record, env, client, pace });
  const exit: JobExit =
    task === undefined
      ? { outcome: "cancelled", detail: "before it was submitted to OSMO" }
      : await endOf(kept, client, task, pace);
  await noteOutput(osmoFiles(runDir, id).record, record.spec, env);
  await saveExit(runDir, id, exit);
}

async function endOf(kept: KeptTask, client: OsmoClient, task: OsmoTask, pace: typeof usualPace): Promise<JobExit> {
  const { runDir, record } = kept;
  const id = task.workflow_id ?? "";
  const workflow = await untilEnded(kept, client, task, pace);
  if (workflow === undefined) return { outcome: "lost", detail: `OSMO knows no workflow ${id} any more` };
  const exit = exitOfWorkflow(workflow);
  if (workflow.status !== "COMPLETED") {
    await keepLog(client, id, record.spec.log_path);
    return exit;
  }
  try {
    return { ...exit, exit_code: await outputsOf(kept, client, task) };
  } catch (error) {
    // Somebody who gave up on outputs that do not come must be able to end the job.
    if (!(error instanceof Refusal) || !(await isCancelled(runDir, record.spec.id))) throw error;
    return { outcome: "cancelled", detail: `it had completed, but its outputs did not come back: ${error.message}` };
  }
}

async function outputsOf({ record }: KeptTask, client: OsmoClient, task: OsmoTask): Promise<number> {
  const { spec: job, created_at } = record;
  const sent_at_ms = Date.parse(task.sent_at ?? created_at);
  const { output_url: url, stamp } = task;
  return await bringBack(client, { job, url, stamp, sent_at_ms, ...hostPlaces(job) });
}

/** Looks until the workflow ends; undefined when OSMO no longer knows it. */
async function untilEnded(kept: KeptTask, client: OsmoClient, task: OsmoTask, pace: typeof usualPace) {
  const { runDir, record } = kept;
  const id = task.workflow_id ?? "";
  let asked = false;
  let failures = 0;
  for (let pause = pace.first_ms; ; pause = Math.min(pace.most_ms, pause * 1.5)) {
    if ((await fileFacts(osmoFiles(runDir, record.spec.id).record)) === undefined) return undefined;
    const workflow = await look(client, id, ++failures);
    if (workflow === "unknown") return undefined;
    if (workflow !== undefined) {
      failures = 0;
      if (isTerminal(workflow.status)) return workflow;
      const last_line = await lastLine(client, workflow);
      await saveTask(runDir, record.spec.id, { ...task, status: workflow.status, ...(last_line ? { last_line } : {}) });
      // A cancel that came before the submit was known has reached nobody yet.
      if (!asked && (await isCancelled(runDir, record.spec.id))) await client.cancel(id, "cancelled by cancel_stage");
      asked ||= await isCancelled(runDir, record.spec.id);
    }
    await sleep(pause);
  }
}

async function look(client: OsmoClient, id: string, attempt: number): Promise<WorkflowAnswer | "unknown" | undefined> {
  try {
    return await client.query(id);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code === "osmo.unknown-workflow") return "unknown";
    if (!["osmo.unavailable", "osmo.timeout"].includes(error.code) || attempt >= patience) throw error;
    return undefined;
  }
}

/** The newest line of a running task's log; the CLI tails, so it is read with a short deadline. */
async function lastLine(client: OsmoClient, workflow: WorkflowAnswer): Promise<string | undefined> {
  const task = workflow.groups.flatMap(({ tasks }) => tasks).at(-1);
  if (task === undefined || !hasStarted(task.status)) return undefined;
  const text = await client.logs(workflow.name, taskName, 5, logLimitSec).catch(() => "");
  return plainLines(text).at(-1);
}

/** What a failed task printed is where the known failures are looked up; its outputs may never have been uploaded. */
async function keepLog(client: OsmoClient, id: string, path: string): Promise<void> {
  const text = await client.logs(id, taskName, logLines, 60).catch(() => "");
  const lines = plainLines(text);
  if (lines.length > 0) await writeAtomic(path, `${lines.join("\n")}\n`);
}

/** Lines without OSMO's `2026/01/02 03:04:05 [task] ` before them. */
function plainLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d (\[[^\]]*\])+ ?/, ""))
    .filter((line) => line.trim() !== "");
}
