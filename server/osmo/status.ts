import { excerpt, Refusal } from "../errors.ts";
import { type OsmoClient, openClient } from "../exec/osmo/client.ts";
import type { WorkflowAnswer } from "../exec/osmo/shapes.ts";
import { hasStarted, isFailed, isTerminal } from "../exec/osmo/statuses.ts";
import type { Call } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { blamesPodTemplate, classifyFailure, type Failure, firstFailed, tasksOf } from "./failures.ts";
import { activeTasks, fillPath } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { type Located, locateWorkflow } from "./locate.ts";
import { loadPreferences, remember } from "./preferences.ts";
import { nextLookSec, quietWindow } from "./quiet.ts";
import { type KnownRun, listRuns } from "./runs.ts";
import { defaultsOf } from "./settle.ts";
import { failedUploads } from "./uploads.ts";

export type StatusArgs = {
  readonly run?: string | undefined;
  readonly task?: string | undefined;
  readonly lines?: number | undefined;
  readonly events?: boolean | undefined;
};

export type StatusReport = {
  status_line: string;
  workflow_id: string;
  name?: string;
  status: string;
  terminal: boolean;
  tasks: { task: string; status: string; exit_code?: number }[];
  failure?: Failure;
  quiet?: string[];
  log?: string;
  events?: string;
  /** OSMO was asked to cancel it and has not come to it yet. */
  cancel_requested?: true;
  /** This user's runs, when none was named. */
  runs?: readonly KnownRun[];
  from_osmo?: string;
  outputs?: string[];
  next_look_sec?: number;
};

/** Enough to see a cause, too little to flood a reader; the whole log is what osmo_outputs archives. */
const logChars = 4000;
const tailSec = 8;

/** Where a workflow stands, with its failure named; without `run` the last one, beside a list of all. */
export async function readStatus(call: Call, args: StatusArgs): Promise<StatusReport> {
  const client = openClient({ ...call.deps, signal: call.signal });
  if (args.run !== undefined) return reportOf(call, client, await locateWorkflow(call.deps.env, args.run), args);
  const all = await listRuns(call.deps.env, client);
  const newest = all.runs.find(({ workflow_id }) => workflow_id !== undefined);
  const located = await locateWorkflow(call.deps.env, newest?.workflow_id);
  try {
    return { ...(await reportOf(call, client, located, args)), ...all };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // The record of this machine can be shown without OSMO.
    return {
      status_line: `${all.runs.length} runs are known here; OSMO told nothing of the last one: ${error.message}`,
      workflow_id: located.workflow_id,
      status: newest?.status ?? "unknown",
      terminal: false,
      tasks: [],
      ...all,
    };
  }
}

async function reportOf(call: Call, client: OsmoClient, located: Located, args: StatusArgs): Promise<StatusReport> {
  const { submission } = located;
  const workflow = await client.query(located.workflow_id);
  const terminal = isTerminal(workflow.status);
  const failed = firstFailed(workflow);
  const failureLog =
    failed && hasStarted(failed.status)
      ? await client.logs(workflow.name, failed.name, args.lines ?? 200, tailSec)
      : "";
  const failure = (await silentFailure(client, workflow, located)) ?? classifyFailure(workflow, failureLog);
  if (failure && blamesPodTemplate(failure)) await distrustTemplate(call);
  const log = await wantedLog(client, workflow, args, failureLog);
  const quiet = quietTasks(workflow, call.deps.clock.now());
  const look = nextLookSec(lookState(workflow), submission?.flow);
  const outputs = terminal ? outputUrls(located) : undefined;
  const cancelled = !terminal && Boolean(workflow.cancelled_by ?? submission?.cancel_requested_at);
  return {
    status_line: statusLine(workflow, failure, cancelled),
    workflow_id: workflow.name,
    ...defined({ name: submission?.name || undefined }),
    status: workflow.status,
    terminal,
    tasks: tasksOf(workflow).map(({ name, status, exit_code }) => ({
      task: name,
      status,
      ...defined({ exit_code: exit_code ?? undefined }),
    })),
    ...defined({
      failure,
      cancel_requested: cancelled ? (true as const) : undefined,
      quiet: quiet.length > 0 ? quiet : undefined,
      log,
      events: args.events ? tailOf(await client.events(workflow.name)) || "OSMO has no events of it." : undefined,
      outputs,
      next_look_sec: look || undefined,
    }),
  };
}

/** Failures that the workflow's own answer does not tell: a rejected spec's reason, and outputs that went nowhere. */
async function silentFailure(
  client: OsmoClient,
  workflow: WorkflowAnswer,
  { submission }: Located,
): Promise<Failure | undefined> {
  if (workflow.status === "FAILED_SUBMISSION" && submission?.refusal) {
    return {
      task: "workflow",
      kind: "failed-submission",
      cause: excerpt(submission.refusal.message, 600),
      remedy: "Correct what it names and submit again.",
    };
  }
  if (workflow.status !== "COMPLETED") return undefined;
  const [first, ...others] = await failedUploads(client, workflow);
  if (first === undefined) return undefined;
  return {
    task: first.task,
    kind: "upload-failed",
    cause: `outputs did not reach the storage${others.length > 0 ? `, nor did those of ${others.map(({ task }) => task).join(", ")}` : ""}`,
    remedy: "Repair the storage credentials of the pods (OSMO credential of type DATA), then submit again.",
    evidence: first.files.join("; ") || "Upload Failed on files",
  };
}

async function distrustTemplate(call: Call): Promise<void> {
  call.connection.notes.delete("osmo.pod_template");
  if ((await loadPreferences(call.deps.env)).pod_template !== undefined) {
    await remember(call.deps.env, { pod_template: undefined });
  }
}

async function wantedLog(
  client: OsmoClient,
  workflow: WorkflowAnswer,
  args: StatusArgs,
  failureLog: string,
): Promise<string | undefined> {
  if (args.task === undefined) return undefined;
  const task = tasksOf(workflow).find(({ name }) => name === args.task);
  if (task === undefined) return `There is no task ${excerpt(args.task, 60)}.`;
  if (!hasStarted(task.status)) return `${task.name} is ${task.status}: it has not run, so there is no log.`;
  const text =
    task === firstFailed(workflow)
      ? failureLog
      : await client.logs(workflow.name, task.name, args.lines ?? 200, tailSec);
  if (text.trim() !== "") return tailOf(text);
  return task.status === "RUNNING"
    ? `No line of ${task.name} came within ${tailSec} s: it may be quiet still, or OSMO's log storage does not answer.`
    : `OSMO has no log of ${task.name}, which is ${task.status}.`;
}

function tailOf(text: string): string {
  return text.length <= logChars ? text : `…${text.slice(-logChars)}`;
}

function lookState(workflow: WorkflowAnswer): "waiting" | "running" | "terminal" {
  if (isTerminal(workflow.status)) return "terminal";
  return tasksOf(workflow).some(({ status }) => status === "RUNNING") ? "running" : "waiting";
}

/** A workflow reads RUNNING while one group runs although another has failed: the tasks tell. */
function statusLine(workflow: WorkflowAnswer, failure: Failure | undefined, cancelled: boolean): string {
  const tasks = tasksOf(workflow);
  const count = (status: string) => tasks.filter((task) => task.status === status).length;
  const progress = `${count("COMPLETED")} of ${tasks.length} tasks completed`;
  if (cancelled)
    return `${workflow.name}: cancel requested; OSMO has not come to it, it still reads ${workflow.status}.`;
  if (failure && !isTerminal(workflow.status)) {
    return `${workflow.name} still reads ${workflow.status} but will fail: ${failure.task}: ${failure.cause}.`;
  }
  if (failure) return `${workflow.name} ended ${workflow.status}: ${failure.task}: ${failure.cause}.`;
  if (isTerminal(workflow.status)) return `${workflow.name} ended ${workflow.status}, ${progress}.`;
  const running = tasks.filter(({ status }) => status === "RUNNING").map(({ name }) => name);
  const doing =
    running.length > 0
      ? `running ${running.join(", ")}`
      : `waiting (${tasks.find(({ status }) => !isFailed(status) && status !== "COMPLETED")?.status ?? "PENDING"})`;
  return `${workflow.name} is ${workflow.status}: ${doing}, ${progress}.`;
}

/** Running tasks that may be silent for a while and are healthy. */
function quietTasks(workflow: WorkflowAnswer, now: Date): string[] {
  return tasksOf(workflow).flatMap(({ name, status, start_time }) => {
    const window = status === "RUNNING" ? quietWindow(name) : undefined;
    if (!window) return [];
    const minutes = start_time ? Math.floor((now.getTime() - Date.parse(`${start_time}Z`)) / 60_000) : undefined;
    if (minutes !== undefined && minutes > window.minutes) return [];
    return [`${name} may be silent for up to ${window.minutes} minutes: ${window.why}.`];
  });
}

/** Where the outputs of a recorded submit lie. */
export function outputUrls({ submission }: Located): string[] | undefined {
  if (!submission) return undefined;
  const flow = flows[submission.flow];
  const values = { ...defaultsOf(flow), ...submission.set, name: submission.name ?? "" };
  return activeTasks(flow, values).map((task) => `${submission.root}/${fillPath(task.output, values)}`);
}
