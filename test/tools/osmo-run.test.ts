import { describe, expect, it } from "@jest/globals";
import { osmoOutputs } from "../../tools/osmo-outputs.ts";
import { osmoStatus } from "../../tools/osmo-status.ts";
import { submitOsmo } from "../../tools/submit-osmo.ts";
import { osmoDesks, root } from "../support/osmo-desk.ts";
import { submitted as submittedRun, use } from "../support/osmo-run.ts";
import type { Snapshot } from "../support/osmo-service.ts";
import { good } from "../support/osmo-submit.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const submitted = async (timeline: Snapshot[], args?: Record<string, unknown>) =>
  submittedRun(await open(), timeline, args);

const kit = "usd2roi-replicator";
const edit = "image-edit";

describe("a watched run", () => {
  it("is followed from queue to completion, each look telling when to look again", async () => {
    const { connection, name } = await submitted([
      { status: "PENDING", tasks: { [kit]: { status: "SCHEDULING" }, [edit]: { status: "WAITING" } } },
      { status: "RUNNING", tasks: { [kit]: { status: "RUNNING" }, [edit]: { status: "WAITING" } } },
      { status: "RUNNING", tasks: { [kit]: { status: "COMPLETED", exit_code: 0 }, [edit]: { status: "RUNNING" } } },
      {
        status: "COMPLETED",
        tasks: { [kit]: { status: "COMPLETED", exit_code: 0 }, [edit]: { status: "COMPLETED", exit_code: 0 } },
      },
    ]);
    const looks = [];
    for (let i = 0; i < 4; i++) looks.push(await use(osmoStatus, connection, { run: name }));
    expect(looks.map(({ status, next_look_sec }) => [status, next_look_sec])).toEqual([
      ["PENDING", 300],
      ["RUNNING", 600],
      ["RUNNING", 600],
      ["COMPLETED", undefined],
    ]);
    expect(looks[1]?.quiet).toEqual([expect.stringContaining("silent for up to 10 minutes")]);
    expect(looks[3]).toMatchObject({
      terminal: true,
      outputs: [`${root}/runs/${name}/usd2roi-components`, `${root}/runs/${name}/augment`],
    });
  });

  it.each<[string, Snapshot, Record<string, string>, object]>([
    [
      "a wrong pod template",
      { status: "FAILED", tasks: { [kit]: { status: "FAILED", exit_code: 1 }, [edit]: { status: "FAILED_UPSTREAM" } } },
      { [kit]: "2026/01/02 03:04:05 [t] ERROR: /usr/share/nvidia/nvoptix.bin not mounted; Kit\n" },
      { task: kit, kind: "pod-template" },
    ],
    [
      "small shared memory",
      { status: "FAILED", tasks: { [kit]: { status: "FAILED", exit_code: 1 } } },
      { [kit]: "ERROR: /dev/shm is 1GiB; need >= 16 GiB\n" },
      { kind: "pod-template" },
    ],
    [
      "no crops",
      { status: "FAILED", tasks: { [kit]: { status: "FAILED", exit_code: 1 } } },
      { [kit]: "ERROR: 0 ROI pairs emitted under /osmo/data/output/crop\n" },
      { kind: "no-crops" },
    ],
    [
      "an endpoint that gave nothing",
      { status: "FAILED", tasks: { [kit]: { status: "COMPLETED" }, [edit]: { status: "FAILED", exit_code: 1 } } },
      { [edit]: "ERROR: 0 image-edit images emitted\n" },
      { task: edit, kind: "endpoint" },
    ],
    [
      "an unknown error",
      { status: "FAILED", tasks: { [kit]: { status: "FAILED", exit_code: 3 } } },
      { [kit]: "fine\nRuntimeError: boom\n" },
      { kind: "failed", evidence: "RuntimeError: boom" },
    ],
    [
      "memory by exit code",
      { status: "FAILED", tasks: { [kit]: { status: "FAILED", exit_code: 137 } } },
      {},
      { kind: "out-of-memory" },
    ],
    [
      "eviction",
      { status: "FAILED_EVICTED", tasks: { [kit]: { status: "FAILED_EVICTED" } } },
      {},
      { kind: "failed-evicted" },
    ],
    [
      "an image that cannot be pulled",
      { status: "FAILED_IMAGE_PULL", tasks: { [kit]: { status: "FAILED_IMAGE_PULL" } } },
      {},
      { kind: "failed-image-pull" },
    ],
    [
      "the execution limit",
      { status: "FAILED_EXEC_TIMEOUT", tasks: { [kit]: { status: "FAILED_EXEC_TIMEOUT" } } },
      {},
      { kind: "failed-exec-timeout" },
    ],
    [
      "the queue limit",
      { status: "FAILED_QUEUE_TIMEOUT", tasks: { [kit]: { status: "FAILED_QUEUE_TIMEOUT" } } },
      {},
      { kind: "failed-queue-timeout" },
    ],
    [
      "preemption",
      { status: "FAILED_PREEMPTED", tasks: { [kit]: { status: "FAILED_PREEMPTED" } } },
      {},
      { kind: "failed-preempted" },
    ],
    [
      "a start that hangs",
      { status: "FAILED_START_TIMEOUT", tasks: { [kit]: { status: "FAILED_START_TIMEOUT" } } },
      {},
      { kind: "failed-start-timeout" },
    ],
    [
      "a start error",
      { status: "FAILED_START_ERROR", tasks: { [kit]: { status: "FAILED_START_ERROR" } } },
      {},
      { kind: "failed-start-error" },
    ],
    [
      "a node fault",
      { status: "FAILED_BACKEND_ERROR", tasks: { [kit]: { status: "FAILED_BACKEND_ERROR" } } },
      {},
      { kind: "failed-backend-error" },
    ],
    [
      "a service fault",
      { status: "FAILED_SERVER_ERROR", tasks: { [kit]: { status: "FAILED_SERVER_ERROR" } } },
      {},
      { kind: "failed-server-error" },
    ],
    [
      "a cancel",
      { status: "FAILED_CANCELED", tasks: { [kit]: { status: "FAILED_CANCELED" } } },
      {},
      { kind: "failed-canceled" },
    ],
  ])("ends by %s and says so", async (_title, snapshot, logs, failure) => {
    const { connection, workflow } = await submitted([snapshot]);
    Object.assign(workflow.logs, logs);
    const seen = await use(osmoStatus, connection, {});
    expect(seen).toMatchObject({ terminal: true, failure });
    expect(seen.failure).toHaveProperty("remedy");
    expect(seen).not.toHaveProperty("next_look_sec");
  });

  it("a rejected submission has no groups and is still classified", async () => {
    const { connection, workflow } = await submitted([{ status: "FAILED_SUBMISSION" }]);
    workflow.groups = [];
    expect(await use(osmoStatus, connection, {})).toMatchObject({
      tasks: [],
      failure: { task: "workflow", kind: "failed-submission" },
    });
  });

  it("a pod that disproves the template clears the remembered verified", async () => {
    const { desk, connection, workflow } = await submitted([
      { status: "FAILED", tasks: { [kit]: { status: "FAILED", exit_code: 1 } } },
    ]);
    expect(await desk.preferences()).toMatchObject({ pod_template: "verified" });
    workflow.logs[kit] = "ERROR: /usr/share/nvidia/nvoptix.bin not mounted; x\n";
    await use(osmoStatus, connection, {});
    expect(await desk.preferences()).not.toHaveProperty("pod_template");
    await use(submitOsmo, connection, good);
    expect((await desk.commands()).filter(([module]) => module === "config")).toHaveLength(2);
  });

  it("a workflow that still reads RUNNING after a failure is said to fail", async () => {
    const { connection } = await submitted([
      { status: "RUNNING", tasks: { [kit]: { status: "FAILED", exit_code: 1 }, [edit]: { status: "RUNNING" } } },
    ]);
    expect((await use(osmoStatus, connection, {})).status_line).toContain("still reads RUNNING but will fail");
  });

  it("the log of a task that never started is not asked for", async () => {
    const { desk, connection } = await submitted([
      { status: "RUNNING", tasks: { [kit]: { status: "RUNNING" }, [edit]: { status: "WAITING" } } },
    ]);
    expect((await use(osmoStatus, connection, { task: edit })).log).toBe(
      "image-edit is WAITING: it has not run, so there is no log.",
    );
    expect((await use(osmoStatus, connection, { task: "nope" })).log).toBe("There is no task nope.");
    expect((await desk.commands()).filter((argv) => argv[1] === "logs")).toHaveLength(0);
  });

  it("a log that OSMO does not have is said to be absent", async () => {
    const { connection } = await submitted([{ status: "COMPLETED" }]);
    const { log } = await use(osmoStatus, connection, { task: kit });
    expect(log).toBe(`OSMO has no log of ${kit}, which is COMPLETED.`);
  });

  it("a running task's log is tailed until the limit and ended by SIGINT, secrets taken out", async () => {
    const { connection, workflow } = await submitted([{ status: "RUNNING", tasks: { [kit]: { status: "RUNNING" } } }]);
    workflow.logs[kit] = "one\nHF_TOKEN=hf_verysecret\n[tail]\n";
    const { log } = await use(osmoStatus, connection, { task: kit });
    expect(log).toBe("one\nHF_TOKEN=[redacted]\n[tail]\n");
  });

  it.each(["RESCHEDULED", "BRAND_NEW"])("a status that is not known is no end: %s", async (status) => {
    const { connection } = await submitted([{ status, tasks: { [kit]: { status } } }]);
    expect(await use(osmoStatus, connection, {})).toMatchObject({ terminal: false, next_look_sec: 300 });
  });

  it("a workflow that COMPLETED without its outputs is a failure with its files", async () => {
    const { connection, workflow } = await submitted([{ status: "COMPLETED" }]);
    workflow.logs[kit] =
      "2026 [t][osmo] Upload Start\n2026 [t][osmo] Upload Failed on files:\n2026 [t][osmo] rgb_1.png: AccessDenied\n2026 [t][osmo] All Outputs Uploaded\n";
    expect(await use(osmoStatus, connection, {})).toMatchObject({
      status: "COMPLETED",
      failure: { task: kit, kind: "upload-failed", evidence: "rgb_1.png: AccessDenied" },
    });
    const { facts, message } = await refusalOf(() => use(osmoOutputs, connection, {}));
    expect(message).toBe("It COMPLETED, but its uploads failed.");
    expect(facts.upload_failed).toEqual([{ task: kit, files: ["rgb_1.png: AccessDenied"] }]);
  });

  it.each([
    ["the sidecar that died while it uploaded", { status: "FAILED", exit_code: 0 }, "sidecar-killed"],
    ["an upload that failed", { status: "FAILED", exit_code: 2012 }, "osmo-2012"],
  ])("%s is named", async (_title, task, kind) => {
    const { connection, workflow } = await submitted([{ status: "FAILED", tasks: { [kit]: task } }]);
    workflow.logs[kit] = "2026 [t][osmo] Exec finished\n2026 [t][osmo] Upload Start\n2026 [t][osmo] Uploading t\n";
    expect(await use(osmoStatus, connection, {})).toMatchObject({ failure: { kind } });
  });

  it("an unknown id, and nothing submitted at all, are refused", async () => {
    const desk = await open();
    expect((await refusalOf(() => use(osmoStatus, desk.connect(), {}))).code).toBe("osmo.unknown-run");
    expect((await refusalOf(() => use(osmoStatus, desk.connect(), { run: "nope-1" }))).code).toBe(
      "osmo.unknown-workflow",
    );
    expect((await refusalOf(() => use(osmoStatus, desk.connect(), { run: "no such name" }))).code).toBe(
      "osmo.unknown-run",
    );
  });
});
