import { join } from "node:path";
import { z } from "zod";
import { ownerSchema } from "../../exec/identity.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { parseJson, writeJson } from "../../fs/json.ts";
import { listPaths, readTextIfPresent } from "../../fs/read.ts";
import { removeIfPresent } from "../../fs/remove.ts";
import type { Deps } from "../../ports/call.ts";
import { userDir } from "../../run/env.ts";

/** How long a task is kept after it was begun. */
export const taskTtlMs = 7 * 24 * 3600 * 1000;

const recordSchema = z.looseObject({
  task_id: z.string(),
  tool: z.string(),
  /** What goes on with the work; the same call as any client could make. */
  arguments: z.record(z.string(), z.unknown()),
  /** Whose it is; nobody else hears of it. */
  principal: z.string(),
  client: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
  status: z.enum(["working", "input_required", "completed", "failed", "cancelled"]),
  message: z.string().optional(),
  /** The result of the tool, of a completed task. */
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown() }).optional(),
  /** Seconds before another look tells more. */
  next_look_sec: z.number().optional(),
  /** The process that does the work, where the call does it itself. */
  worker: ownerSchema.optional(),
  /** What a human is asked, and what they answered so far, by the digest of the question. */
  question: z.record(z.string(), z.unknown()).optional(),
  answers: z.record(z.string(), z.unknown()),
});
/** A call that goes on after its answer; a server that knows nothing but this record can take it up. */
export type TaskRecord = z.infer<typeof recordSchema>;

export type TaskStore = {
  read(taskId: string): Promise<TaskRecord | undefined>;
  write(record: TaskRecord): Promise<void>;
};

const idPattern = /^[a-z_]{1,40}-[0-9a-f]{32}$/;

/** Tasks on the disk of this user, one file each: `${XDG_STATE_HOME:-~/.local/state}/deft-mcp/tasks`. */
export function taskStore({ env, clock }: Pick<Deps, "env" | "clock">): TaskStore {
  const directory = join(userDir(env, "state"), "tasks");
  const pathOf = (id: string) => join(directory, `${id}.json`);
  const isOver = ({ created_at }: TaskRecord) => !(clock.now().getTime() - Date.parse(created_at) < taskTtlMs);
  const readAt = async (path: string): Promise<TaskRecord | undefined> => {
    const text = await readTextIfPresent(path);
    if (text === undefined) return undefined;
    try {
      return recordSchema.parse(parseJson(text));
    } catch {
      return undefined;
    }
  };
  return {
    async read(taskId) {
      const record = idPattern.test(taskId) ? await readAt(pathOf(taskId)) : undefined;
      return record === undefined || isOver(record) ? undefined : record;
    },
    async write(record) {
      const isNew = (await readTextIfPresent(pathOf(record.task_id))) === undefined;
      await makeDirectory(directory, 0o700);
      if (isNew) await prune();
      await writeJson(pathOf(record.task_id), record, 0o600);
    },
  };

  async function prune(): Promise<void> {
    for (const path of await listPaths(directory, /\.json$/)) {
      const record = await readAt(path);
      if (record === undefined || isOver(record)) await removeIfPresent(path);
    }
  }
}
