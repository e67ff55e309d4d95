import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { jobStem } from "../../server/durable/work.ts";
import { type Desk, main, openDesk } from "./support/desk.ts";
import { Kubelet } from "./support/kubelet.ts";

const kills = process.env.DEFT_SOAK === "full" ? 100 : 15;
/** Moments over which kills are spread: before the Job is sent, while kubectl works, while the pod runs, at its end. */
const spreadMs = 1500;

let node: Kubelet;
let desk: Desk;

beforeAll(async () => {
  node = await new Kubelet("kills-node").start();
  desk = await openDesk();
});
afterAll(async () => {
  await node.stop();
  await desk.close();
});

describe(`a client that is killed, ${kills} times`, () => {
  it("starts no job twice and loses none", async () => {
    for (let at = 0; at < kills; at++) {
      const spec = desk.job(`job-${at}`, `echo once >>ran-${at}; sleep 0.3`);
      await desk.record(spec);
      const argv = [main, "keep", "kubernetes", jobStem(desk.runDir, spec.id)];
      const keeper = spawn(process.execPath, argv, { env: desk.env, stdio: "ignore" });
      const gone = new Promise((done) => keeper.on("exit", done));
      await sleep((spreadMs * at) / kills);
      keeper.kill("SIGKILL");
      await gone;
      expect(await desk.keep(spec)).toMatchObject({ outcome: "exited", exit_code: 0 });
      expect(await readFile(join(spec.workdir, `ran-${at}`), "utf8")).toBe("once\n");
    }
    expect(await desk.list("jobs")).toHaveLength(kills);
    expect(await desk.list("pods")).toHaveLength(kills);
  });
});
