import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { askCancel, jobStem } from "../../server/durable/work.ts";
import { jobIdentity } from "../../server/platforms/kubernetes/manifest.ts";
import { readShellClaim } from "../../server/platforms/shell-job.ts";
import type { JobSpec } from "../../server/run/job.ts";
import { clusterFolder } from "./support/cluster.ts";
import { type Desk, openDesk, until } from "./support/desk.ts";
import { type Fate, Kubelet } from "./support/kubelet.ts";

let node: Kubelet;
let desk: Desk;

beforeAll(async () => {
  node = await new Kubelet("trouble-node").start({ "nvidia.com/gpu": "2" });
});
afterAll(() => node.stop());
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(async () => {
  node.fate = () => "run";
  await desk.close();
});

const jobsPath = () => `/apis/batch/v1/namespaces/${desk.namespace}/jobs`;
const shown = async (spec: JobSpec) => {
  const record = { spec, platform: "kubernetes", created_at: "" };
  return (await desk.executor.progress?.(desk.runDir, record))?.message ?? "";
};
const begun = (spec: JobSpec) =>
  until("the job to begin", async () => (await readShellClaim(jobStem(desk.runDir, spec.id))) !== undefined);

describe("what becomes of a job that does not run through", () => {
  const refused = { reason: "ImagePullBackOff", message: 'Back-off pulling image "registry.test/tao:1": not found' };
  const evicted = { reason: "Evicted", message: "The node was low on resource: ephemeral-storage." };
  const rows: [string, Fate, object][] = [
    [
      "an image that cannot be had",
      { waiting: refused },
      { outcome: "exited", exit_code: 125, detail: expect.stringContaining("Back-off pulling") },
    ],
    [
      "a name that is no image",
      { waiting: { reason: "InvalidImageName", message: "invalid" } },
      { outcome: "exited", exit_code: 125 },
    ],
    [
      "evicted by its node",
      { failed: evicted, disrupted: "TerminationByKubelet" },
      { detail: expect.stringContaining("low on resource") },
    ],
    ["killed for memory", { exitCode: 137, reason: "OOMKilled" }, { outcome: "oom" }],
    [
      "ended with 0 on another volume",
      { exitCode: 0 },
      { outcome: "lost", detail: expect.stringContaining("volume is not this workspace") },
    ],
    [
      "its shell is missing",
      { exitCode: 128, reason: "StartError", message: "exec: /bin/sh: no such file" },
      { outcome: "exited", exit_code: 128, detail: expect.stringContaining("/bin/sh: no such file") },
    ],
  ];
  it.each(rows)("%s", async (_, fate, exit) => {
    node.fate = () => fate;
    const spec = desk.job("job", "exit 0");
    await desk.record(spec);
    expect(await desk.keep(spec)).toMatchObject(exit);
    expect((await desk.list("pods")).filter(({ status }) => status?.phase === "Running")).toEqual([]);
  });

  it("keeps what its pod printed where the job has no log of its own", async () => {
    node.fate = () => ({ exitCode: 2, log: "deft-job: no such volume\n" });
    const spec = desk.job("job", "exit 0");
    await desk.record(spec);
    expect(await desk.keep(spec)).toMatchObject({ outcome: "exited", exit_code: 2 });
    expect(await desk.log(spec)).toBe("deft-job: no such volume\n");
  });

  it("deleted by a stranger: it is lost or killed, and never made again", async () => {
    const spec = desk.job("job", "sleep 300");
    await desk.record(spec);
    const kept = desk.keep(spec);
    await begun(spec);
    const [job] = await desk.list("jobs");
    await desk.api.take("DELETE", `${jobsPath()}/${job?.metadata.name}`, { propagationPolicy: "Foreground" });
    expect(await kept).toMatchObject({
      outcome: "killed",
      detail: expect.stringContaining("somebody deleted the Job"),
    });
    expect(await desk.list("jobs")).toEqual([]);
  });

  it("over the limit of the Job itself, which the cluster enforces", async () => {
    const spec = desk.job("job", "sleep 300", { time_limit_sec: 600 });
    await desk.record(spec);
    const kept = desk.keep(spec);
    await begun(spec);
    const [job] = await desk.list("jobs");
    await desk.api.patch(`${jobsPath()}/${job?.metadata.name}`, { spec: { activeDeadlineSeconds: 1 } });
    expect(await kept).toMatchObject({ outcome: "timeout", detail: expect.stringContaining("DeadlineExceeded") });
  });

  it("a second pod of it touches nothing", async () => {
    const spec = desk.job("job", 'echo once >>ran; sleep 2; test "$(wc -l <ran)" = 1');
    await desk.record(spec);
    const kept = desk.keep(spec);
    await begun(spec);
    const [command = [""]] = node.commands.slice(-1);
    const second = await execa(command[0] ?? "", command.slice(1), { reject: false });
    expect(second).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("taken by") });
    expect(await kept).toMatchObject({ outcome: "exited", exit_code: 0 });
  });
});

describe("what a job waits for is told in the cluster's words", () => {
  it("no node has what it needs; then it is cancelled", async () => {
    await desk.close();
    desk = await openDesk({ gpus: 8, settings: { node_selector: "deft-test=node" } });
    const spec = desk.job("job", "exit 0");
    await desk.record(spec);
    const kept = desk.keep(spec);
    await until("the scheduler's words", async () =>
      /Unschedulable: .*Insufficient nvidia.com\/gpu/.test(await shown(spec)),
    );
    await askCancel(jobStem(desk.runDir, spec.id));
    expect(await kept).toMatchObject({ outcome: "cancelled" });
    expect(await desk.list("jobs")).toEqual([]);
  });

  it("the quota of the namespace is used up; once there is room it runs", async () => {
    const quotas = `/api/v1/namespaces/${desk.namespace}/resourcequotas`;
    await desk.api.take("POST", quotas, { metadata: { name: "none" }, spec: { hard: { pods: "0" } } });
    await until("the quota", async () => {
      const { status } = await desk.api.take<{ status: { hard?: object } }>("GET", `${quotas}/none`);
      return status.hard !== undefined;
    });
    const spec = desk.job("job", "exit 0");
    await desk.record(spec);
    const kept = desk.keep(spec);
    await until("the quota's words", async () => /exceeded quota: none/.test(await shown(spec)));
    await desk.api.take("DELETE", `${quotas}/none`);
    expect(await kept).toMatchObject({ outcome: "exited", exit_code: 0 });
  });

  it("a quota that takes no Job refuses it at once, and leaves nothing", async () => {
    const quotas = `/api/v1/namespaces/${desk.namespace}/resourcequotas`;
    await desk.api.take("POST", quotas, { metadata: { name: "no-jobs" }, spec: { hard: { "count/jobs.batch": "0" } } });
    await until("the quota", async () => {
      const { status } = await desk.api.take<{ status: { hard?: object } }>("GET", `${quotas}/no-jobs`);
      return status.hard !== undefined;
    });
    const spec = desk.job("job", "exit 0");
    await desk.record(spec);
    expect(await desk.keep(spec)).toBeUndefined();
    expect(await desk.trouble(spec)).toMatchObject({ code: "executor.cluster-refused", facts: { cause: "quota" } });
    await desk.api.take("DELETE", `${quotas}/no-jobs`);
    expect(await desk.keep(spec)).toMatchObject({ outcome: "exited", exit_code: 0 });
  });
});

describe("a name that is taken", () => {
  it("by a stranger is refused and left alone", async () => {
    const spec = desk.job("job", "exit 0");
    const record = await desk.record(spec);
    const { name } = jobIdentity(desk.runDir, record);
    const containers = [{ name: "a", image: "b" }];
    const stranger = {
      metadata: { name },
      spec: { template: { spec: { restartPolicy: "Never", nodeName: "nowhere", containers } } },
    };
    const made = await desk.api.take<{ metadata: { uid: string } }>("POST", jobsPath(), stranger);
    expect(await desk.keep(spec)).toBeUndefined();
    const facts = { job: name, uid: made.metadata.uid };
    expect(await desk.trouble(spec)).toMatchObject({ code: "executor.name-taken", facts });
    expect((await desk.list("jobs")).map(({ metadata }) => metadata.uid)).toEqual([made.metadata.uid]);
  });
});

describe("a cluster that does not answer", () => {
  it("for a while: the job runs on, its end is not lost and it is not made twice", async () => {
    const script = `${process.cwd()}/.ci/kubernetes`;
    const spec = desk.job("job", "echo once >>ran; sleep 1");
    await desk.record(spec);
    const kept = desk.keep(spec);
    await begun(spec);
    await execa(script, ["kill", clusterFolder()]);
    expect(await kept).toMatchObject({ outcome: "exited", exit_code: 0 });
    const failing = desk.job("failing", "exit 0");
    await desk.record(failing);
    expect(await desk.keep(failing)).toBeUndefined();
    const away = { code: "executor.cluster-unreachable", facts: { cause: "away" } };
    expect(await desk.trouble(failing)).toMatchObject(away);
    await execa(script, ["resume", clusterFolder()]);
    expect(await desk.keep(failing)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await desk.list("jobs")).toHaveLength(2);
  });

  it("does not take the login: told as such, and gone on with after a login", async () => {
    const spec = desk.job("job", "sleep 3");
    await desk.record(spec);
    const other = await desk.kubeconfig({ token: "of-nobody" });
    expect(await desk.keep(spec, { ...desk.env, KUBECONFIG: other })).toBeUndefined();
    expect(await desk.trouble(spec)).toMatchObject({ code: "executor.cluster-unreachable", facts: { cause: "login" } });
    expect(await desk.keep(spec)).toMatchObject({ outcome: "exited", exit_code: 0 });
  });
});
