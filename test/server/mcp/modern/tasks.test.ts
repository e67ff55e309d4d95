import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Executor } from "../../../../server/ports/executor.ts";
import { modernWire } from "../../../support/modern-client.ts";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";

const knowing = { extensions: { "io.modelcontextprotocol/tasks": {} } };
let loop: TinyLoop;
/** Whether jobs may end; until then they are looked at in vain. */
let mayEnd: boolean;
let executor: Executor;
const opened: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  loop = await tinyLoop("created");
});
beforeEach(async () => {
  mayEnd = false;
  await loop.backTo("created");
  executor = (await loop.deps().executors.embedded?.()) as Executor;
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(() => loop.remove());

/** A server whose jobs go on until they may end. */
async function open(capabilities: Record<string, unknown> = knowing) {
  const held: Executor = {
    ...executor,
    poll: async (runDir, record) => (mayEnd ? await executor.poll(runDir, record) : { state: "running" }),
  };
  const one = await modernWire({ ...loop.deps(), executors: { embedded: async () => held } }, capabilities);
  opened.push(one);
  return one;
}

type Wire = Awaited<ReturnType<typeof open>>;
type Task = { status: string; taskId: string; statusMessage?: string; result?: Record<string, unknown> };
const begin = async (one: Wire, name: string, args: object = {}) =>
  (await one.ask("tools/call", { name, arguments: args })).result as unknown as Task & Record<string, unknown>;
const look = async (one: Wire, taskId: string) => (await one.ask("tasks/get", { taskId })).result as unknown as Task;

async function ended(one: Wire, taskId: string): Promise<Task> {
  mayEnd = true;
  for (;;) {
    const told = await look(one, taskId);
    if (told.status !== "working") return told;
    await sleep(20);
  }
}

describe("a stage for a client that knows tasks", () => {
  it("is answered by a handle at once, and its end by polling", async () => {
    const one = await open();
    const handle = await begin(one, "run_stage");
    expect(handle).toMatchObject({
      resultType: "task",
      status: "working",
      taskId: expect.stringMatching(/^run_stage-[0-9a-f]{32}$/),
      statusMessage: expect.stringContaining("train"),
    });
    expect(handle.content).toBeUndefined();
    expect(await look(one, handle.taskId)).toMatchObject({ resultType: "complete", status: "working" });
    const told = await ended(one, handle.taskId);
    expect(told).toMatchObject({
      status: "completed",
      result: { structuredContent: { outcome: "committed", iteration: "baseline", stage: "train" } },
    });
    // What is over stays as it was told.
    expect(await look(one, handle.taskId)).toEqual(told);
  });

  it("has one handle however often it is called, and survives its server", async () => {
    const first = await open();
    const { taskId } = await begin(first, "run_stage");
    expect((await begin(first, "run_stage")).taskId).toBe(taskId);
    await first.close();
    expect(await ended(await open(), taskId)).toMatchObject({
      status: "completed",
      result: { structuredContent: { outcome: "committed", stage: "train" } },
    });
  });

  it("goes on though its task is given up", async () => {
    const one = await open();
    const { taskId } = await begin(one, "run_stage");
    expect((await one.ask("tasks/cancel", { taskId })).result).toMatchObject({ resultType: "complete" });
    expect(await look(one, taskId)).toMatchObject({
      status: "cancelled",
      statusMessage: expect.stringContaining("runs on"),
    });
    const again = await begin(one, "run_stage");
    expect(await ended(one, again.taskId)).toMatchObject({ status: "completed" });
  });

  it("is waited for as ever by a client that does not, which may not ask for tasks either", async () => {
    mayEnd = true;
    const one = await open({});
    expect(await begin(one, "run_stage")).toMatchObject({
      structuredContent: { outcome: "committed", stage: "train" },
    });
    const { error } = await one.ask("tasks/get", { taskId: `run_stage-${"0".repeat(32)}` });
    expect(error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { extensions: { "io.modelcontextprotocol/tasks": {} } } },
    });
  });
});

describe("a task", () => {
  it("that is short is answered by its result", async () => {
    const one = await open();
    expect(await begin(one, "loop_status")).toMatchObject({ structuredContent: { run_dir: loop.runDir } });
    expect(await begin(one, "run_stage", { iteration: "iter9" })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^stage\.out-of-order/) }],
    });
  });

  it.each(["run_stage-00000000000000000000000000000000", "../../etc/passwd", ""])(
    "that there is not is refused: %s",
    async (taskId) => {
      const one = await open();
      for (const method of ["tasks/get", "tasks/cancel"]) {
        expect((await one.ask(method, { taskId })).error).toMatchObject({
          code: -32602,
          message: "There is no such task.",
        });
      }
    },
  );
});
