import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { identityOf } from "../../server/exec/identity.ts";
import { startBuilt } from "../support/built-server.ts";
import { agreeing, type Desk, osmoDesks } from "../support/osmo-desk.ts";
import { good, settled, submit } from "../support/osmo-submit.ts";

const open = osmoDesks();

/** Runs a command of the built bin while the service of the desk keeps answering. */
async function command(desk: Desk, ...argv: string[]) {
  const { exit, stdout, stderr } = await startBuilt(["osmo", ...argv], { env: desk.env, cwd: desk.home }).ended;
  if (exit !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as { status_line: string; log: string; watcher?: string };
}

async function running(): Promise<Desk> {
  const desk = await settled(await open());
  // The flow's own pace is minutes; a queue that is looked at often is not what this is about.
  desk.service.timeline = [{ status: "RUNNING" }];
  await submit(desk.connect(agreeing()), good);
  return desk;
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(200)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error("it did not happen in time");
}

/** The process that watches; a command that did not wait for it to begin leaves that to the next look. */
async function watcherOf(desk: Desk): Promise<number> {
  return await until(async () => {
    const pid = /process (\d+)/.exec((await command(desk, "status", "--json")).watcher ?? "")?.[1];
    return pid === undefined ? undefined : Number(pid);
  });
}

const queries = (desk: Desk) =>
  desk.service.requests.filter((line) => line.startsWith("GET /api/workflow/good")).length;

describe("osmo watch --detach", () => {
  it("goes on when the command is gone, records the end, and the next command shows it", async () => {
    const desk = await running();
    const { log } = await command(desk, "watch", "--detach", "--every", "1", "--json");
    const pid = await watcherOf(desk);
    expect(await identityOf(pid)).toBeDefined();
    await until(async () => (await readFile(log, "utf8")).includes("is RUNNING") || undefined);
    expect((await command(desk, "status", "--json")).watcher).toContain(`process ${pid}`);
    const workflow = desk.service.workflows.get("good_image_gen-1");
    if (workflow) workflow.timeline = [{ status: "FAILED_EVICTED" }];
    await until(async () => ((await identityOf(pid)) === undefined ? true : undefined));
    expect(await readFile(log, "utf8")).toContain("ended FAILED_EVICTED");
    expect((await command(desk, "status", "--json")).watcher).toMatch(/^saw it end FAILED_EVICTED at /);
  });

  it("leaves a workflow that is watched to its watcher, and notices one that was killed", async () => {
    const desk = await running();
    await command(desk, "watch", "--detach", "--every", "1", "--json");
    const pid = await watcherOf(desk);
    const again = await command(desk, "watch", "--detach", "--every", "1", "--json");
    expect(again.status_line).toContain(`was watched already by process ${pid}`);
    const before = queries(desk);
    await sleep(2500);
    expect(queries(desk) - before).toBeLessThanOrEqual(4);
    process.kill(pid, "SIGKILL");
    await until(async () => ((await identityOf(pid)) === undefined ? true : undefined));
    expect((await command(desk, "status", "--json")).watcher).toMatch(
      /^died, last look .*watch good_image_gen-1 --detach$/,
    );
    await command(desk, "watch", "--detach", "--every", "1", "--json");
    const successor = await watcherOf(desk);
    expect(successor).not.toBe(pid);
    process.kill(successor, "SIGKILL");
    // Until it is gone it may write into the folder that this test removes.
    await until(async () => ((await identityOf(successor)) === undefined ? true : undefined));
  });

  it("says why it gave up", async () => {
    const desk = await running();
    const workflow = desk.service.workflows.get("good_image_gen-1");
    desk.service.workflows.clear();
    const { log } = await command(desk, "watch", "good_image_gen-1", "--detach", "--json");
    const trouble = log.replace(/log$/, "trouble");
    await until(async () => (await readFile(trouble, "utf8").catch(() => "")) !== "" || undefined);
    if (workflow) desk.service.workflows.set(workflow.name, workflow);
    expect((await command(desk, "status", "good_image_gen-1", "--json")).watcher).toContain(
      "gave up (osmo.unknown-workflow",
    );
  });
});
