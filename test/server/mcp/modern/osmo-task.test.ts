import { expect, it } from "@jest/globals";
import { osmoStatus } from "../../../../tools/osmo-status.ts";
import { modernWire } from "../../../support/modern-client.ts";
import { osmoDesks } from "../../../support/osmo-desk.ts";
import { submitted, use } from "../../../support/osmo-run.ts";
import type { Snapshot } from "../../../support/osmo-service.ts";

const open = osmoDesks();
const knowing = { extensions: { "io.modelcontextprotocol/tasks": {} } };
const kit = "usd2roi-replicator";
const running: Snapshot = { status: "RUNNING", tasks: { [kit]: { status: "RUNNING" } } };
const done: Snapshot = { status: "COMPLETED", tasks: { [kit]: { status: "COMPLETED", exit_code: 0 } } };

/** A wire to a server whose clock stands until it is moved, and the workflow that it is asked about. */
async function waiting(timeline: Snapshot[], capabilities: Record<string, unknown> = knowing) {
  const { desk, connection, name } = await submitted(await open(), timeline);
  let now = Date.parse("2026-05-01T08:00:00Z");
  const deps = { ...connection.call.deps, clock: { now: () => new Date(now) } };
  const queries = () => desk.service.requests.filter((line) => /^GET \/api\/workflow\/good[^/]*$/.test(line)).length;
  const server = () => modernWire(deps, capabilities);
  const later = (seconds: number) => {
    now += seconds * 1000;
  };
  return { name, queries, server, connection, later };
}

const callOf = (run: string, more: object) => ({ name: "osmo_status", arguments: { run, ...more } });

it("a wait for a workflow is a task: each look when it is due, to the end, and with the next server too", async () => {
  const { name, queries, server, later } = await waiting([running, running, done]);
  const first = await server();
  const handle = (await first.ask("tools/call", callOf(name, { wait_seconds: 60, events: true }))).result;
  expect(handle).toMatchObject({
    resultType: "task",
    status: "working",
    taskId: expect.stringMatching(/^osmo_status-[0-9a-f]{32}$/),
    statusMessage: expect.stringContaining("is RUNNING"),
    pollIntervalMs: 600_000,
  });
  const taskId = String(handle?.taskId);
  const looked = queries();
  later(599);
  expect((await first.ask("tasks/get", { taskId })).result).toMatchObject({ status: "working" });
  expect(queries()).toBe(looked);
  later(1);
  expect((await first.ask("tasks/get", { taskId })).result).toMatchObject({ status: "working" });
  expect(queries()).toBe(looked + 1);
  await first.close();
  later(600);
  const next = await server();
  expect((await next.ask("tasks/get", { taskId })).result).toMatchObject({
    status: "completed",
    result: { structuredContent: { status: "COMPLETED", terminal: true, events: expect.any(String) } },
  });
});

it("a look is no task, nor is a wait for what has ended", async () => {
  const { name, server } = await waiting([running, done]);
  const wire = await server();
  expect((await wire.ask("tools/call", callOf(name, {}))).result).toMatchObject({
    structuredContent: { status: "RUNNING" },
  });
  expect((await wire.ask("tools/call", callOf(name, { wait_seconds: 60 }))).result).toMatchObject({
    structuredContent: { status: "COMPLETED" },
  });
});

it("a client that knows no tasks waits in the call, which looks again before it comes back", async () => {
  const { name, server } = await waiting([running, done], {});
  const { result } = await (await server()).ask("tools/call", callOf(name, { wait_seconds: 0.01 }));
  expect(result).toMatchObject({ structuredContent: { status: "COMPLETED", terminal: true } });
});

it("a wait that is over says where the workflow stands", async () => {
  const { name, connection } = await waiting([running]);
  expect(await use(osmoStatus, connection, { run: name, wait_seconds: 0.01 })).toMatchObject({
    status: "RUNNING",
    terminal: false,
    next_look_sec: 600,
  });
});
