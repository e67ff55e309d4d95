import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Client } from "@modelcontextprotocol/client";
import { z } from "zod";
import { modernClient } from "../../../support/modern-client.ts";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";

const extension = { "io.modelcontextprotocol/tasks": {} };
let loop: TinyLoop;
const clients: Client[] = [];
beforeAll(async () => {
  loop = await tinyLoop("created");
});
beforeEach(() => loop.backTo("created"));
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});
afterAll(() => loop.remove());

async function open(extensions: typeof extension | undefined = extension): Promise<Client> {
  const client = await modernClient(loop.deps(), extensions === undefined ? {} : { extensions });
  clients.push(client);
  return client;
}

const anything = z.looseObject({});
type Told = Record<string, unknown> & { status?: string; taskId?: string; result?: Record<string, unknown> };
const ask = (client: Client, method: string, params: Record<string, unknown>) =>
  client.request({ method, params }, anything) as Promise<Told>;

/** The raw answer of a call: the SDK's client knows no handles. */
async function begin(client: Client, name: string, args: Record<string, unknown> = {}): Promise<Told> {
  return await ask(client, "tools/call", { name, arguments: args });
}

async function ended(client: Client, taskId: string): Promise<Told> {
  for (;;) {
    const told = await ask(client, "tasks/get", { taskId });
    if (told.status !== "working") return told;
    await sleep(20);
  }
}

describe("a stage for a client that knows tasks", () => {
  it("is answered by a handle at once, and its end by polling", async () => {
    const client = await open();
    const handle = await begin(client, "run_stage");
    expect(handle).toMatchObject({ status: "working", taskId: expect.stringMatching(/^run_stage-[0-9a-f]{32}$/) });
    expect(handle.content).toBeUndefined();
    const told = await ended(client, String(handle.taskId));
    expect(told).toMatchObject({
      status: "completed",
      result: { structuredContent: { outcome: "committed", iteration: "baseline", stage: "train" } },
    });
    // What is over stays as it was told.
    expect(await ended(client, String(handle.taskId))).toEqual(told);
  });

  it("has one handle however often it is called, and survives its server", async () => {
    const first = await open();
    const { taskId } = await begin(first, "run_stage");
    expect((await begin(first, "run_stage")).taskId).toBe(taskId);
    await first.close();
    const second = await open();
    expect(await ended(second, String(taskId))).toMatchObject({
      status: "completed",
      result: { structuredContent: { outcome: "committed", stage: "train" } },
    });
  });

  it("goes on though its task is given up", async () => {
    const client = await open();
    const { taskId } = await begin(client, "run_stage");
    await ask(client, "tasks/cancel", { taskId });
    expect(await ask(client, "tasks/get", { taskId })).toMatchObject({ status: "cancelled" });
    const again = await begin(client, "run_stage");
    expect(await ended(client, String(again.taskId))).toMatchObject({ status: "completed" });
  });

  it("is waited for as ever by a client that does not", async () => {
    const client = await open(undefined);
    const done = await client.callTool({ name: "run_stage", arguments: {} });
    expect(done.structuredContent).toMatchObject({ outcome: "committed", stage: "train" });
    await expect(ask(client, "tasks/get", { taskId: `run_stage-${"0".repeat(32)}` })).rejects.toThrow();
  });
});

describe("a task", () => {
  it("that is short is answered by its result", async () => {
    const client = await open();
    const status = await begin(client, "loop_status");
    expect(status.structuredContent).toMatchObject({ run_dir: loop.runDir });
    const refused = await begin(client, "run_stage", { iteration: "iter9" });
    expect(refused).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^stage\.out-of-order/) }],
    });
  });

  it.each(["run_stage-00000000000000000000000000000000", "../../etc/passwd", ""])(
    "that there is not is refused: %s",
    async (taskId) => {
      const client = await open();
      await expect(ask(client, "tasks/get", { taskId })).rejects.toThrow("There is no such task.");
    },
  );
});
