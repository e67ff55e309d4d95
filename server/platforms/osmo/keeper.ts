import type { Work } from "../../durable/keeper.ts";
import { isCancelled, jobOf, readExit, recordEnd, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { type OsmoClient, openClient } from "../../exec/osmo/client.ts";
import type { WorkflowAnswer } from "../../exec/osmo/shapes.ts";
import { hasStarted, isTerminal } from "../../exec/osmo/statuses.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAs } from "../../fs/json.ts";
import { fileFacts } from "../../fs/read.ts";
import { type JobExit, jobRecordSchema } from "../../run/job.ts";
import { type Pace, waitUntil } from "../../run/wait.ts";
import { exitOfWorkflow } from "./exit.ts";
import { hostPlaces } from "./inputs.ts";
import { bringBack } from "./outputs.ts";
import { type OsmoTask, saveTask } from "./record.ts";
import { type Sending, submittedTask } from "./submit.ts";
import { taskName } from "./task.ts";

/** How often a workflow is looked at; tests shorten it. */
type TaskPace = Pace & { readonly settle_ms: number };

/**
 * Looks slow down from one second to half a minute. An answer counts as lost for good after six minutes: by then the
 * CLI, which tries five times a minute, has given up.
 */
const usualPace: TaskPace = { first_ms: 1000, most_ms: 30_000, settle_ms: 360_000 };
const logLimitSec = 5;
const logLines = 2000;
/** Looks that may fail in a row before the keeper gives up and says why. */
const patience = 40;

type KeptTask = Sending & { readonly pace: TaskPace };

/**
 * Takes a recorded job through its life on OSMO: inputs to the storage, one submit, looks until the workflow ends,
 * outputs back, exit written. Everything is on disk before it takes effect, so a keeper that died anywhere is followed by
 * one that goes on.
 */
export function taskWork(pace = usualPace): Work {
  return {
    async run({ stem, env }) {
      if ((await readExit(stem)) !== undefined) return;
      const record = await readAs(workFiles(stem).record, jobRecordSchema);
      const kept = { stem, runDir: jobOf(stem).runDir, record, env, client: openClient({ env }), pace };
      const task = await submittedTask(kept);
      const exit: JobExit =
        task === undefined
          ? { outcome: "cancelled", detail: "before it was submitted to OSMO" }
          : await endOf(kept, task);
      await recordEnd(stem, exit, record.spec, env);
    },
  };
}

async function endOf(kept: KeptTask, task: OsmoTask): Promise<JobExit> {
  const { stem, client, record } = kept;
  const id = task.workflow_id ?? "";
  const workflow = await untilEnded(kept, task);
  if (workflow === undefined) return { outcome: "lost", detail: `OSMO knows no workflow ${id} any more` };
  const exit = exitOfWorkflow(workflow);
  if (workflow.status !== "COMPLETED") {
    await keepLog(client, id, record.spec.log_path);
    return exit;
  }
  try {
    return { ...exit, exit_code: await outputsOf(kept, task) };
  } catch (error) {
    // Somebody who gave up on outputs that do not come must be able to end the job.
    if (!(error instanceof Refusal) || !(await isCancelled(stem))) throw error;
    return { outcome: "cancelled", detail: `it had completed, but its outputs did not come back: ${error.message}` };
  }
}

async function outputsOf({ record, client }: KeptTask, task: OsmoTask): Promise<number> {
  const { spec: job, created_at } = record;
  const sent_at_ms = Date.parse(task.sent_at ?? created_at);
  const { output_url: url, stamp } = task;
  return await bringBack(client, { job, url, stamp, sent_at_ms, ...hostPlaces(job) });
}

/** Looks until the workflow ends; undefined when OSMO no longer knows it, or the run was removed. */
async function untilEnded({ stem, client, pace }: KeptTask, task: OsmoTask): Promise<WorkflowAnswer | undefined> {
  const id = task.workflow_id ?? "";
  let asked = false;
  let failures = 0;
  const found = await waitUntil(async () => {
    if ((await fileFacts(workFiles(stem).record)) === undefined) return "unknown";
    const workflow = await look(client, id, ++failures);
    if (workflow === undefined || workflow === "unknown") return workflow;
    failures = 0;
    if (isTerminal(workflow.status)) return workflow;
    const last_line = await lastLine(client, workflow);
    await saveTask(stem, { ...task, status: workflow.status, ...(last_line ? { last_line } : {}) });
    // A cancel that came before the submit was known has reached nobody yet.
    if (!asked && (await isCancelled(stem))) await client.cancel(id, "cancelled by cancel_stage");
    asked ||= await isCancelled(stem);
    return undefined;
  }, pace);
  return found === "unknown" ? undefined : found;
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
