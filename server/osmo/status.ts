import { excerpt } from "../errors.ts";
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
import { defaultsOf } from "./settle.ts";

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
  outputs?: string[];
  next_look_sec?: number;
};

/** Enough to see a cause, too little to flood a reader; the whole log is what osmo_outputs archives. */
const logChars = 4000;
const tailSec = 8;

/** Where a workflow stands, with its failure named. Clears a remembered `verified` when a pod disproves it. */
export async function readStatus(call: Call, args: StatusArgs): Promise<StatusReport> {
  const client = openClient({ ...call.deps, signal: call.signal });
  const located = await locateWorkflow(call.deps.env, args.run);
  const workflow = await client.query(located.workflow_id);
  const lines = args.lines ?? 200;
  const failed = firstFailed(workflow);
  const failureLog =
    failed && hasStarted(failed.status) ? await client.logs(workflow.name, failed.name, lines, tailSec) : "";
  const failure = classifyFailure(workflow, failureLog);
  if (failure && blamesPodTemplate(failure)) await distrustTemplate(call);
  const log = await wantedLog(client, workflow, args, failureLog);
  const quiet = quietTasks(workflow, call.deps.clock.now());
  const look = nextLookSec(lookState(workflow), located.submission?.flow);
  const outputs = isTerminal(workflow.status) ? outputUrls(located) : undefined;
  return {
    status_line: statusLine(workflow, failure),
    workflow_id: workflow.name,
    ...defined({ name: located.submission?.name || undefined }),
    status: workflow.status,
    terminal: isTerminal(workflow.status),
    tasks: tasksOf(workflow).map(({ name, status, exit_code }) => ({
      task: name,
      status,
      ...defined({ exit_code: exit_code ?? undefined }),
    })),
    ...defined({
      failure,
      quiet: quiet.length > 0 ? quiet : undefined,
      log,
      events: args.events ? tailOf(await client.events(workflow.name)) : undefined,
      outputs,
      next_look_sec: look || undefined,
    }),
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
  if (task === firstFailed(workflow)) return tailOf(failureLog);
  return tailOf(await client.logs(workflow.name, task.name, args.lines ?? 200, tailSec));
}

function tailOf(text: string): string {
  return text.length <= logChars ? text : `…${text.slice(-logChars)}`;
}

function lookState(workflow: WorkflowAnswer): "waiting" | "running" | "terminal" {
  if (isTerminal(workflow.status)) return "terminal";
  return tasksOf(workflow).some(({ status }) => status === "RUNNING") ? "running" : "waiting";
}

/** A workflow reads RUNNING while one group runs although another has failed: the tasks tell. */
function statusLine(workflow: WorkflowAnswer, failure: Failure | undefined): string {
  const tasks = tasksOf(workflow);
  const count = (status: string) => tasks.filter((task) => task.status === status).length;
  const progress = `${count("COMPLETED")} of ${tasks.length} tasks completed`;
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
