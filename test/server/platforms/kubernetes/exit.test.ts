import { describe, expect, it } from "@jest/globals";
import { judge, type Seen } from "../../../../server/platforms/kubernetes/exit.ts";
import type { KubeJob, KubePod } from "../../../../server/platforms/kubernetes/objects.ts";
import type { ShellEnd } from "../../../../server/platforms/shell-job.ts";

type Status = NonNullable<KubePod["status"]>;
type State = NonNullable<NonNullable<Status["containerStatuses"]>[number]["state"]>;

const job = (type?: string, reason = "", message = ""): KubeJob => ({
  kind: "Job",
  metadata: { name: "deft-x", uid: "1" },
  status: type === undefined ? {} : { conditions: [{ type, status: "True", reason, message }] },
});
const pod = (phase: string, state?: State, more: Status = {}): KubePod => ({
  kind: "Pod",
  metadata: { name: "deft-x-abc", uid: "2" },
  spec: { nodeName: "node-1" },
  status: { phase, ...(state === undefined ? {} : { containerStatuses: [{ state }] }), ...more },
});
const over = (exitCode: number, reason = "Error"): State => ({ terminated: { exitCode, reason } });
const own = (outcome: ShellEnd["outcome"], exit_code: number, signal?: string): ShellEnd => ({
  ...{ outcome, exit_code, detail: undefined, asked: undefined, signal },
  ...{ who: "deft-x-abc", host: "node-1" },
});
const seen = (change: Partial<Seen>): Seen => ({ job: job(), pods: [], own: undefined, cancelled: false, ...change });

const failed = job("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
const target = (reason: string, message: string): Status => ({
  conditions: [{ type: "DisruptionTarget", status: "True", reason, message }],
});
const rows: [string, Partial<Seen>, object][] = [
  [
    "its own word: ended well, whatever the cluster says",
    { own: own("exited", 0), job: undefined },
    { outcome: "exited", exit_code: 0 },
  ],
  ["its own word: failed", { own: own("exited", 7), pods: [pod("Running")] }, { outcome: "exited", exit_code: 7 }],
  ["its own word: its time was over", { own: own("timeout", 143), job: failed }, { outcome: "timeout" }],
  ["killed by us", { own: own("killed", 143, "SIGTERM"), job: undefined, cancelled: true }, { outcome: "cancelled" }],
  [
    "killed, the Job deleted by a stranger",
    { own: own("killed", 143, "SIGTERM"), job: undefined },
    { outcome: "killed", detail: "somebody deleted the Job from the cluster" },
  ],
  [
    "killed, the Job being deleted by a stranger",
    {
      own: own("killed", 143, "SIGTERM"),
      job: { ...job(), metadata: { ...job().metadata, deletionTimestamp: "2026-11-21T10:00:00Z" } },
    },
    { outcome: "killed", detail: "somebody deleted the Job from the cluster" },
  ],
  [
    "killed for memory, seen by the job",
    { own: own("killed", 137, "SIGKILL"), pods: [pod("Failed", over(137, "OOMKilled"))], job: failed },
    { outcome: "oom" },
  ],
  [
    "killed by the cluster's limit on the Job",
    { own: own("killed", 143, "SIGTERM"), job: job("Failed", "DeadlineExceeded", "too long") },
    { outcome: "timeout", detail: "DeadlineExceeded: too long" },
  ],
  [
    "no word: killed for memory",
    { pods: [pod("Failed", over(137, "OOMKilled"))], job: failed },
    { outcome: "oom", exit_code: 137 },
  ],
  [
    "no word: exit code of the container",
    { pods: [pod("Failed", over(3))], job: failed },
    { outcome: "exited", exit_code: 3 },
  ],
  ["no word: killed", { pods: [pod("Failed", over(137))], job: failed }, { outcome: "killed", signal: "SIGKILL" }],
  [
    "no word: ended with 0",
    { pods: [pod("Succeeded", over(0, "Completed"))], job: job("Complete") },
    { outcome: "lost" },
  ],
  [
    "evicted",
    {
      pods: [pod("Failed", over(137), { reason: "Evicted", message: "The node was low on resource: memory." })],
      job: failed,
    },
    { outcome: "killed", detail: "Evicted: The node was low on resource: memory." },
  ],
  [
    "preempted",
    { pods: [pod("Failed", over(143), target("PreemptionByScheduler", "preempting for prod"))], job: failed },
    { outcome: "killed", detail: "PreemptionByScheduler: preempting for prod" },
  ],
  [
    "the kubelet's limit",
    {
      pods: [pod("Failed", over(143), { reason: "DeadlineExceeded", message: "Pod was active on the node longer" })],
      job: failed,
    },
    { outcome: "timeout" },
  ],
  [
    "rejected by the node",
    { pods: [pod("Failed", undefined, { reason: "UnexpectedAdmissionError", message: "no GPU left" })], job: failed },
    { outcome: "lost", detail: expect.stringContaining("UnexpectedAdmissionError: no GPU left") },
  ],
  ["its pod collected", { job: failed }, { outcome: "lost", detail: expect.stringContaining("BackoffLimitExceeded") }],
  [
    "its pod collected after the Job's limit",
    { job: job("Failed", "DeadlineExceeded", "was active longer") },
    { outcome: "timeout" },
  ],
  [
    "deleted by a stranger",
    { job: undefined },
    { outcome: "lost", detail: expect.stringContaining("somebody deleted the Job") },
  ],
  ["deleted by us", { job: undefined, cancelled: true }, { outcome: "cancelled" }],
];

describe("how a job ended", () => {
  it.each(rows)("%s", (_, change, exit) => {
    expect(judge(seen(change))).toMatchObject({ state: "ended", exit });
  });

  it("waits for the job's own word where its container ran", () => {
    expect(judge(seen({ pods: [pod("Succeeded", over(0))], job: job("Complete") }))).toMatchObject({ late: true });
    expect(judge(seen({ job: undefined }))).toMatchObject({ late: false });
  });

  it("is not known while a pod of it may still run", () => {
    const second = { ...pod("Succeeded", over(0)), metadata: { name: "deft-x-second", uid: "3" } };
    expect(judge(seen({ pods: [pod("Running"), second] }))).toEqual({ state: "running", node: "node-1" });
    expect(judge(seen({ own: own("killed", 143, "SIGTERM"), pods: [pod("Running")] }))).toMatchObject({
      state: "running",
    });
  });
});

const waits: [string, Partial<Seen>, object][] = [
  [
    "an image that cannot be had",
    { pods: [pod("Pending", { waiting: { reason: "ImagePullBackOff", message: "Back-off pulling image" } })] },
    { words: "ImagePullBackOff: Back-off pulling image", stuck: "image" },
  ],
  [
    "a name that is no image",
    { pods: [pod("Pending", { waiting: { reason: "InvalidImageName" } })] },
    { words: "InvalidImageName", stuck: "never" },
  ],
  [
    "no place",
    {
      pods: [
        pod("Pending", undefined, {
          conditions: [
            {
              type: "PodScheduled",
              status: "False",
              reason: "Unschedulable",
              message: "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            },
          ],
        }),
      ],
    },
    { words: "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu." },
  ],
  [
    "a quota",
    { events: "FailedCreate: exceeded quota: gpus" },
    { words: "no pod yet: FailedCreate: exceeded quota: gpus" },
  ],
  [
    "its container being made",
    { pods: [pod("Pending", { waiting: { reason: "ContainerCreating" } })] },
    { words: "ContainerCreating" },
  ],
];

describe("what a job waits for", () => {
  it.each(waits)("%s", (_, change, pending) => {
    const judged = judge(seen(change));
    expect(judged).toMatchObject({ state: "pending", ...pending });
    expect("stuck" in judged).toBe("stuck" in pending);
  });
});
