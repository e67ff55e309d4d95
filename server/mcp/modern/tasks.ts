import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import type { Tool } from "../../../tools/define.ts";
import { isOwnerAlive, thisOwner } from "../../exec/identity.ts";
import { ownKey } from "../../fs/secret.ts";
import type { Answer, Deps, Question } from "../../ports/call.ts";
import { defined } from "../../run/defined.ts";
import { userDir } from "../../run/env.ts";
import { membersOf } from "../../run/record.ts";
import type { Answers } from "../answers.ts";
import { Asked } from "../asked.ts";
import type { Caller } from "../options.ts";
import { answerOf, digestOf, humanWith } from "./questions.ts";
import { type TaskRecord, type TaskStore, taskStore } from "./task-store.ts";

/** Work that is done sooner is answered at once. */
const glanceMs = 1000;

type ToolResult = Awaited<ReturnType<Answers["callTool"]>>;
/** Whoever asks: what of their call stays the same while a task goes on. */
export type Owner = Omit<Caller, "human" | "signal" | "progress"> & {
  readonly principal: string;
  readonly canAsk: boolean;
};

/** One step of the work behind a task, in this process; `end` is what it changes in the record. */
type Step = { readonly abort: AbortController; readonly end: Promise<Partial<TaskRecord>>; message?: string };

type Desk = {
  readonly deps: Deps;
  readonly answers: Answers;
  readonly store: TaskStore;
  readonly steps: Map<string, Step>;
};

/**
 * Calls that go on after their answer. A task is a record on disk that names the call; the work behind it is a durable job,
 * or names the process that does it: a server that starts later goes on with the one and says of the other that it died.
 */
export function tasksOf(deps: Deps, answers: Answers) {
  const desk: Desk = { deps, answers, store: taskStore(deps), steps: new Map() };
  return {
    /**
     * Calls a tool that may last: its result where it is there at once, or the task that goes on.
     *
     * @throws Asked where a human must answer before anything goes on.
     */
    begin: (tool: Tool, given: unknown, owner: Owner, caller: Caller): Promise<ToolResult | TaskRecord> =>
      tool.lasting?.goOn === undefined
        ? beginWork(desk, tool, membersOf(given), owner)
        : beginJob(desk, tool, membersOf(given), owner, caller),
    /** How far a task is; to look at it takes its work up, if nobody does. @throws ProtocolError for none of theirs. */
    async get(taskId: string, owner: Owner): Promise<TaskRecord> {
      const record = await ownedBy(desk, taskId, owner);
      if (record.status !== "working") return record;
      const step = desk.steps.get(taskId) ?? (await resume(desk, record, owner));
      if (step === undefined) return await ownedBy(desk, taskId, owner);
      await Promise.race([step.end, sleep(glanceMs, undefined, { ref: false })]);
      const latest = await ownedBy(desk, taskId, owner);
      return latest.status === "working" ? { ...latest, ...defined({ message: step.message }) } : latest;
    },
    /** Takes what a human answered to the task's question. @throws ProtocolError for none of theirs. */
    async update(taskId: string, responses: unknown, owner: Owner): Promise<void> {
      const record = await ownedBy(desk, taskId, owner);
      const answer = membersOf(responses).answer;
      if (record.status !== "input_required" || answer === undefined) return;
      const { question, ...rest } = record;
      const answers = { ...record.answers, [digestOf(question as unknown as Question)]: answerOf(answer) };
      const next = await written(desk, { ...rest, ...(await workedBy(desk, rest)), status: "working", answers });
      takeUp(desk, next, owner);
    },
    /** Ends a task; a job behind it runs on, since only a human stops one. @throws ProtocolError for none of theirs. */
    async cancel(taskId: string, owner: Owner): Promise<void> {
      const { question: _asked, ...record } = await ownedBy(desk, taskId, owner);
      if (isOver(record)) return;
      desk.steps.get(taskId)?.abort.abort();
      const message = isJob(desk, record) ? "No longer waited for; its job runs on." : "Given up.";
      await written(desk, { ...record, status: "cancelled", message });
    },
  };
}

/** A tool that starts something and comes back: a task when there is more to come. */
async function beginJob(desk: Desk, tool: Tool, given: Record<string, unknown>, owner: Owner, caller: Caller) {
  const { look, goOn } = tool.lasting ?? {};
  const result = await desk.answers.callTool(tool, { ...given, ...look }, caller);
  const next = result.isError ? undefined : goOn?.(membersOf(result.structuredContent), given);
  if (next === undefined) return result;
  // The same work has the same task, whoever of this user asks again.
  const key = await ownKey(join(userDir(desk.deps.env, "state"), "request-state.key"));
  const name = createHmac("sha256", key).update(JSON.stringify([owner.principal, tool.name, next]));
  const record = newRecord(desk, tool, name.digest("hex").slice(0, 32), next, owner);
  return await written(desk, { ...record, ...toldBy(result) });
}

/** Work that the call itself does, begun here. */
async function beginWork(desk: Desk, tool: Tool, given: Record<string, unknown>, owner: Owner) {
  const begun = newRecord(desk, tool, randomBytes(16).toString("hex"), given, owner);
  const record = { ...begun, ...(await workedBy(desk, begun)) };
  const step = stepOf(desk, record, owner);
  const change = await Promise.race([step.end, sleep(glanceMs, undefined, { ref: false })]);
  if (change?.result !== undefined) return change.result as ToolResult;
  if (change?.question !== undefined) throw new Asked(change.question as unknown as Question);
  await written(desk, { ...record, ...defined({ message: step.message }) });
  follow(desk, record, step);
  return record;
}

/**
 * Goes on with a task that nobody works on: a job is looked at when its next look is due, and what only reads is read
 * again. What another process does is left to it; what it left half done is told as that.
 */
async function resume(desk: Desk, record: TaskRecord, owner: Owner): Promise<Step | undefined> {
  if (isJob(desk, record)) {
    const sinceSec = (desk.deps.clock.now().getTime() - Date.parse(record.updated_at)) / 1000;
    return sinceSec < (record.next_look_sec ?? 0) ? undefined : takeUp(desk, record, owner);
  }
  if (record.worker !== undefined && (await isOwnerAlive(record.worker))) return undefined;
  const { tool, arguments: given } = record;
  if (desk.answers.toolNamed(tool).annotations.readOnlyHint) {
    const ours = await written(desk, { ...record, ...(await workedBy(desk, record)) });
    // Whoever else looked meanwhile may have taken it up.
    return desk.steps.get(record.task_id) ?? takeUp(desk, ours, owner);
  }
  const message = `The server that did this ended before it was done. Call ${tool} again with the same arguments.`;
  const data = { next_call: { tool, arguments: given } };
  await written(desk, { ...record, status: "failed", error: { code: ProtocolErrorCode.InternalError, message, data } });
  return undefined;
}

function isJob({ answers }: Desk, { tool }: TaskRecord): boolean {
  return answers.toolNamed(tool).lasting?.goOn !== undefined;
}

/** That this process does the work of a call; a job has a process of its own. */
async function workedBy(desk: Desk, record: TaskRecord): Promise<Pick<TaskRecord, "worker">> {
  return isJob(desk, record) ? {} : { worker: await thisOwner() };
}

function takeUp(desk: Desk, record: TaskRecord, owner: Owner): Step {
  return follow(desk, record, stepOf(desk, record, owner));
}

/** Notes what a step changes once it is over; what was ended meanwhile stays as it is. */
function follow(desk: Desk, record: TaskRecord, step: Step): Step {
  const end = step.end.then(async (change) => {
    const current = await desk.store.read(record.task_id);
    if (current?.status === "working") await written(desk, { ...current, ...change });
    desk.steps.delete(record.task_id);
    return change;
  });
  const followed = {
    abort: step.abort,
    end,
    get message() {
      return step.message;
    },
  } as Step;
  desk.steps.set(record.task_id, followed);
  return followed;
}

function stepOf({ answers }: Desk, record: TaskRecord, owner: Owner): Step {
  const tool = answers.toolNamed(record.tool);
  const abort = new AbortController();
  const caller: Caller = {
    ...owner,
    signal: abort.signal,
    isTask: true,
    human: humanWith(owner.canAsk, record.answers as Record<string, Answer>),
    progress(message) {
      step.message = message;
    },
  };
  const look = { ...record.arguments, ...tool.lasting?.look };
  const end = Promise.resolve()
    .then(() => answers.callTool(tool, look, caller))
    .then((result): Partial<TaskRecord> => {
      const told = membersOf(result.structuredContent);
      const next = result.isError ? undefined : tool.lasting?.goOn?.(told, record.arguments);
      return next === undefined ? { status: "completed", result } : toldBy(result);
    })
    .catch((error: unknown): Partial<TaskRecord> => {
      if (error instanceof Asked) return { status: "input_required", question: { ...error.question } };
      const internal = { code: ProtocolErrorCode.InternalError, message: "Internal error", data: undefined };
      return { status: "failed", error: internal };
    });
  const step: Step = { abort, end };
  return step;
}

function newRecord(
  { deps }: Desk,
  tool: Tool,
  name: string,
  given: Record<string, unknown>,
  { principal, client }: Owner,
): TaskRecord {
  const at = deps.clock.now().toISOString();
  const whose = { task_id: `${tool.name}-${name}`, tool: tool.name, arguments: given, principal, client };
  return { ...whose, created_at: at, updated_at: at, status: "working", answers: {} };
}

async function written({ store, deps }: Desk, record: TaskRecord): Promise<TaskRecord> {
  const next = { ...record, updated_at: deps.clock.now().toISOString() };
  await store.write(next);
  return next;
}

async function ownedBy({ store }: Desk, taskId: string, { principal }: Owner): Promise<TaskRecord> {
  const record = await store.read(taskId);
  if (record !== undefined && record.principal === principal) return record;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, "There is no such task.");
}

function isOver({ status }: TaskRecord): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** What a result that is not the last says of the task. */
function toldBy({ structuredContent }: ToolResult): Pick<TaskRecord, "message" | "next_look_sec"> {
  const { status_line: line, next_look_sec: pace } = membersOf(structuredContent);
  return defined({
    message: typeof line === "string" ? line : undefined,
    next_look_sec: typeof pace === "number" ? pace : undefined,
  });
}
