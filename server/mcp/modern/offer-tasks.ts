import {
  inputRequired,
  MissingRequiredClientCapabilityError,
  type Result,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Question } from "../../ports/call.ts";
import { defined } from "../../run/defined.ts";
import { visible } from "../../run/visible.ts";
import { formOf } from "../form.ts";
import type { Behind } from "./behind.ts";
import { knows } from "./context.ts";
import { type TaskRecord, taskTtlMs } from "./task-store.ts";
import type { Owner } from "./tasks.ts";

/** Tasks as an extension of the protocol: a call may be answered by a handle, which is polled. */
export const tasksExtension = "io.modelcontextprotocol/tasks";

const pollIntervalMs = 2000;
const named = z.looseObject({ taskId: z.string() });

/** Offers to poll, answer and end tasks. */
export function offerTasks(
  server: Server,
  later: () => Promise<Behind>,
  ownerOf: (context: ServerContext) => Owner,
): void {
  const askedBy = (context: ServerContext): Owner => {
    if (knows(context, tasksExtension)) return ownerOf(context);
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [tasksExtension]: {} } } });
  };
  server.setRequestHandler("tasks/get", { params: named }, async ({ taskId }, context): Promise<Result> => {
    const owner = askedBy(context);
    const { tasks, answers } = await later();
    return detailed(await tasks.get(taskId, owner), answers.clean);
  });
  const answered = z.looseObject({ taskId: z.string(), inputResponses: z.unknown() });
  server.setRequestHandler("tasks/update", { params: answered }, async ({ taskId, inputResponses }, context) => {
    const owner = askedBy(context);
    await (await later()).tasks.update(taskId, inputResponses ?? context.mcpReq.inputResponses, owner);
    return {};
  });
  server.setRequestHandler("tasks/cancel", { params: named }, async ({ taskId }, context) => {
    const owner = askedBy(context);
    await (await later()).tasks.cancel(taskId, owner);
    return {};
  });
}

/** The handle that answers a call which goes on. */
export function handleOf(record: TaskRecord): Result {
  return { resultType: "task", ...taskOf(record) };
}

function taskOf({ task_id, status, message, created_at, updated_at, next_look_sec: pace }: TaskRecord) {
  return {
    taskId: task_id,
    status,
    ...defined({ statusMessage: message }),
    createdAt: created_at,
    lastUpdatedAt: updated_at,
    ttlMs: taskTtlMs,
    pollIntervalMs: pace === undefined ? pollIntervalMs : pace * 1000,
  };
}

function detailed(record: TaskRecord, clean: (text: string) => string): Result {
  const task = taskOf(record);
  if (record.status === "input_required") {
    const question = record.question as unknown as Question;
    const shown = { ...question, message: visible(clean(question.message)) };
    return { ...task, inputRequests: { answer: inputRequired.elicit(formOf(shown)) } };
  }
  return { ...task, ...defined({ result: record.result, error: record.error }) };
}
