import { chmod, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "@jest/globals";
import { boardsIn, shortLoop } from "../support/board-run.ts";
import { temporaryFolders } from "../support/folder.ts";
import { modernProcess } from "../support/modern-client.ts";
import { osmoDesks } from "../support/osmo-desk.ts";
import { submitted } from "../support/osmo-run.ts";

const folder = temporaryFolders();
const open = osmoDesks();
const knowing = { extensions: { "io.modelcontextprotocol/tasks": {} } };
const started: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

async function start(env: Record<string, string | undefined>, cwd: string) {
  const given = Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined);
  const server = await modernProcess(Object.fromEntries(given), cwd, knowing);
  started.push(server);
  return server;
}

/** Polls until the task is over. */
async function ended({ ask }: Awaited<ReturnType<typeof start>>, taskId: unknown) {
  for (;;) {
    const { result } = await ask("tasks/get", { taskId });
    if (result?.status !== "working") return result;
    await sleep(100);
  }
}

/** A Docker daemon that takes connections and answers nothing until it is let go. */
async function mute(): Promise<{ url: string; letGo(): void; daemon: Server }> {
  const sockets: Socket[] = [];
  let released = false;
  const daemon = createServer((socket) => {
    socket.on("error", () => undefined);
    if (released) socket.destroy();
    else sockets.push(socket);
  });
  await new Promise<void>((resolve) => daemon.listen(0, "127.0.0.1", resolve));
  const letGo = () => {
    released = true;
    for (const socket of sockets) socket.destroy();
  };
  started.push({
    close: async () => {
      letGo();
      await new Promise((resolve) => daemon.close(resolve));
    },
  });
  return { url: `tcp://127.0.0.1:${(daemon.address() as { port: number }).port}`, letGo, daemon };
}

it("a plan that a killed server was making is made by the next one under the same handle", async () => {
  const home = await folder();
  const workspace = await boardsIn(home);
  const { url, letGo } = await mute();
  const env = { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: join(home, "state"), DOCKER_HOST: url };
  const first = await start(env, home);
  const wish = { ...shortLoop, platform: "docker", workspace, resume: "fresh" };
  const { result: handle } = await first.ask("tools/call", { name: "preflight", arguments: wish });
  expect(handle).toMatchObject({ resultType: "task", status: "working" });
  await first.kill();
  const next = await start(env, home);
  const told = ended(next, handle?.taskId);
  letGo();
  expect(await told).toMatchObject({
    status: "completed",
    result: { structuredContent: { ok: false, workspace } },
  });
});

it("outputs that a killed server was fetching are told as failed, with what to call again, and by no live one", async () => {
  const { desk, name } = await submitted(await open(), [{ status: "COMPLETED" }]);
  await desk.put(`runs/${name}/augment/crop/passive_component/x0_y0/0000.jpg`, Buffer.from("styled"));
  // The CLI, which does not come back from a download until it is let go, nor outlives who started it.
  const slow = join(desk.home, "slow-osmo");
  const alive = 'kill -0 "$PPID" 2>/dev/null || exit 1';
  const wait = `while [ ! -e "$HOME/let-go" ]; do ${alive}; sleep 0.1; done; ${alive}`;
  await writeFile(slow, `#!/bin/sh\ncase "$*" in *download*) ${wait} ;; esac\nexec "${desk.env.DEFT_OSMO_BIN}" "$@"\n`);
  await chmod(slow, 0o755);
  const env = { ...desk.env, DEFT_OSMO_BIN: slow };
  const first = await start(env, desk.home);
  const args = { run: name, mode: "archive" };
  const { result: handle } = await first.ask("tools/call", { name: "osmo_outputs", arguments: args });
  expect(handle).toMatchObject({ resultType: "task", status: "working" });
  const next = await start(env, desk.home);
  expect((await next.ask("tasks/get", { taskId: handle?.taskId })).result).toMatchObject({ status: "working" });
  await first.kill();
  expect((await next.ask("tasks/get", { taskId: handle?.taskId })).result).toMatchObject({
    status: "failed",
    error: {
      message: expect.stringContaining("Call osmo_outputs again"),
      data: { next_call: { tool: "osmo_outputs", arguments: args } },
    },
  });
  await writeFile(join(desk.home, "let-go"), "");
  const { result: again } = await next.ask("tools/call", { name: "osmo_outputs", arguments: args });
  const fetched = again?.resultType === "task" ? (await ended(next, again.taskId))?.result : again;
  expect(fetched).toMatchObject({ structuredContent: { path: expect.stringMatching(/\.zip$/) } });
});
