import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { askCancel, jobStem } from "../../server/durable/work.ts";
import { notedOutput } from "../../server/exec/job-output.ts";
import { readObject } from "../../server/platforms/kubernetes/record.ts";
import { type Desk, openDesk, until } from "./support/desk.ts";
import { Kubelet } from "./support/kubelet.ts";

let node: Kubelet;
let desk: Desk;

beforeAll(async () => {
  node = await new Kubelet("jobs-node").start();
});
afterAll(() => node.stop());
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(async () => {
  node.fate = () => "run";
  await desk.close();
});

describe("a job on the cluster", () => {
  it("runs once, writes on the volume, and its end is noted with what it left", async () => {
    const spec = desk.job("one", 'echo out; echo "$ODD $0" >made; exit 0', { env: { ODD: "$(HOME) $$ 'x'" } });
    await desk.record(spec);
    expect(await desk.keep(spec)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await desk.log(spec)).toBe("out\n");
    expect(await readFile(join(spec.workdir, "made"), "utf8")).toBe("$(HOME) $$ 'x' sh\n");
    const noted = await notedOutput(join(desk.runDir, "jobs", "one.json"));
    expect(noted?.files.map(({ path }) => path)).toContain(join(spec.workdir, "made"));
    expect(noted?.unwatched).toBeUndefined();
    expect(await desk.list("jobs")).toHaveLength(1);
  });

  it("tells its exit code, and that of a signal", async () => {
    for (const [id, script, exit] of [
      ["fails", "exit 7", { outcome: "exited", exit_code: 7 }],
      ["dies", "kill -9 $$", { outcome: "killed", signal: "SIGKILL" }],
    ] as const) {
      const spec = desk.job(id, script);
      await desk.record(spec);
      expect(await desk.keep(spec)).toMatchObject(exit);
    }
  });

  it("is held to its time limit", async () => {
    const spec = desk.job("long", "sleep 300", { time_limit_sec: 1 });
    await desk.record(spec);
    expect(await desk.keep(spec)).toMatchObject({ outcome: "timeout" });
  });

  it("is cancelled in the foreground: nothing of it runs when its end is told", async () => {
    const spec = desk.job("cancelled", "echo begun; sleep 300");
    const record = await desk.record(spec);
    const kept = desk.keep(spec);
    await until("the job to begin", async () => (await desk.log(spec).catch(() => "")) === "begun\n");
    await desk.executor.cancel(desk.runDir, record, 30);
    expect(await kept).toMatchObject({ outcome: "cancelled" });
    expect((await desk.list("pods")).map(({ status }) => status?.phase)).not.toContain("Running");
    await until("the Job to go", async () => (await desk.list("jobs")).length + (await desk.list("pods")).length === 0);
  });

  it("that was cancelled before it was sent is never made", async () => {
    const spec = desk.job("early", "exit 0");
    await desk.record(spec);
    await askCancel(jobStem(desk.runDir, spec.id));
    expect(await desk.keep(spec)).toMatchObject({ outcome: "cancelled" });
    expect(await desk.list("jobs")).toEqual([]);
  });

  it("is gone from the cluster once it is discarded, and a stranger of its name is not", async () => {
    const spec = desk.job("done", "exit 0");
    const record = await desk.record(spec);
    await desk.keep(spec);
    await desk.executor.discard?.(desk.runDir, record);
    await until("the Job to go", async () => (await desk.list("jobs")).length === 0);
    const { name = "" } = (await readObject(jobStem(desk.runDir, spec.id))) ?? {};
    const stranger = { metadata: { name }, spec: aJobSpec };
    await desk.api.take("POST", `/apis/batch/v1/namespaces/${desk.namespace}/jobs`, stranger);
    await desk.executor.discard?.(desk.runDir, record);
    expect(await desk.list("jobs")).toHaveLength(1);
  });

  it("gets a secret by name alone, for its time alone", async () => {
    const spec = desk.job("token", 'printf %s "$HF_TOKEN" | rev', { env_names: ["HF_TOKEN", "ABSENT"] });
    await desk.record(spec);
    expect(await desk.keep(spec, { ...desk.env, HF_TOKEN: "hf_of_nobody_123" })).toMatchObject({ exit_code: 0 });
    expect(node.secretsSeen.get("HF_TOKEN")).toBe("hf_of_nobody_123");
    expect(await desk.log(spec)).toBe("321_ydobon_fo_fh");
    expect(await desk.list("secrets")).toEqual([]);
    expect(JSON.stringify(await desk.list("jobs"))).not.toContain("hf_of_nobody_123");
    expect(node.commands.flat().join(" ")).not.toContain("hf_of_nobody_123");
  });

  it("says where it runs", async () => {
    const spec = desk.job("shown", "sleep 1");
    const record = await desk.record(spec);
    const kept = desk.keep(spec);
    const shown = async () => (await desk.executor.progress?.(desk.runDir, record))?.message ?? "";
    await until("its node", async () => /runs on jobs-node$/.test(await shown()));
    expect(await kept).toMatchObject({ exit_code: 0 });
  });
});

const aJobSpec = {
  template: {
    spec: { restartPolicy: "Never", nodeSelector: { no: "where" }, containers: [{ name: "a", image: "b" }] },
  },
};
