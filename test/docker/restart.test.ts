import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { refusalOf } from "../support/refusal.ts";
import { ciDaemon, counted, counting, type Desk, daemonHost, openDesk, until } from "./support/desk.ts";

let dir: string | undefined;
let desk: Desk | undefined;

/** A daemon of this test's own, with these flags. */
async function ownDaemon(...flags: string[]): Promise<string> {
  daemonHost();
  dir = await mkdtemp(join(tmpdir(), "deft-daemon-"));
  return (await execa(ciDaemon, ["start", dir, ...flags])).stdout;
}

afterEach(async () => {
  await desk?.close();
  if (dir !== undefined) await execa(ciDaemon, ["stop", dir]);
  dir = undefined;
  desk = undefined;
});

describe("a restart of the daemon in the middle of a job", () => {
  it("with live-restore loses nothing: the job runs on, meanwhile its state is told as unknown, its log stays whole", async () => {
    const host = await ownDaemon("--live-restore");
    desk = await openDesk(host);
    const gate = desk.gate("daemon-is-back");
    const program = await desk.program("count.mjs", [counting(20), gate.wait, counting(160, 21)]);
    const spec = desk.job("iter1-train-1-train", ["node", program]);
    const record = await desk.start(spec);
    await until("the first lines", async () => (await desk?.log(spec).catch(() => ""))?.includes("line 20\n") === true);
    await execa(ciDaemon, ["kill", dir ?? ""]);
    const { runDir, executor } = desk;
    const refusal = await refusalOf(() => executor.poll(runDir, record));
    expect([refusal.code, refusal.hardStop]).toEqual(["executor.unavailable", false]);
    await execa(ciDaemon, ["start", dir ?? "", "--live-restore"]);
    await gate.open();
    expect(await desk.end(record)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await desk.log(spec)).toBe(counted(160));
  });

  it("without live-restore ends the job, which is told as ended from outside and never started again", async () => {
    const host = await ownDaemon();
    desk = await openDesk(host);
    const spec = desk.job("iter1-train-1-train", [
      "node",
      await desk.program("count.mjs", [counting(20), "setInterval(() => {}, 1000);"]),
    ]);
    const record = await desk.start(spec);
    await until("the first lines", async () => (await desk?.log(spec).catch(() => ""))?.includes("line 20\n") === true);
    await execa(ciDaemon, ["kill", dir ?? ""]);
    await execa(ciDaemon, ["start", dir ?? ""]);
    const exit = await desk.end(record);
    expect(exit.outcome).toBe("killed");
    expect(exit.detail).toMatch(/a daemon that restarted without live-restore/);
    const again = await desk.executor.start(desk.runDir, spec);
    expect(again.container_id).toBe(record.handle?.container_id);
    expect(await desk.executor.poll(desk.runDir, record)).toMatchObject({ state: "ended" });
  });
});
