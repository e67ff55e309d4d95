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
    const record = log.replace(/log$/, "json");
    await until(async () => (await readFile(record, "utf8").catch(() => "")).includes("gave_up") || undefined);
    if (workflow) desk.service.workflows.set(workflow.name, workflow);
    const told = await until(async () => {
      const { watcher } = await command(desk, "status", "good_image_gen-1", "--json");
      return watcher?.startsWith("gave up") ? watcher : undefined;
    });
    expect(told).toContain("gave up (osmo.unknown-workflow");
  });
});
