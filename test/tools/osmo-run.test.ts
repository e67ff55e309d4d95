import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { unzipSync } from "fflate";
import { z } from "zod";
import { remember } from "../../server/osmo/preferences.ts";
import type { Tool } from "../../tools/define.ts";
import { osmoCancel } from "../../tools/osmo-cancel.ts";
import { osmoOutputs } from "../../tools/osmo-outputs.ts";
import { osmoStatus } from "../../tools/osmo-status.ts";
import { preferences } from "../../tools/preferences.ts";
import { submitOsmo } from "../../tools/submit-osmo.ts";
import { agreeing, allArtifacts, type Connection, type Desk, osmoDesks, root } from "../support/osmo-desk.ts";
import type { Snapshot } from "../support/osmo-service.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const good = { flow: "good_image_generation", usecase: "pcb" };

async function use(tool: Tool, connection: Connection, args: Record<string, unknown>) {
  return tool.output.parse(await tool.handle(tool.input.parse(args), connection.call)) as Record<string, unknown>;
}

const sent = z.object({ name: z.string(), workflow_id: z.string() });

/** A desk on which one run of the flow was submitted, with this life ahead. */
async function submitted(timeline: Snapshot[], args: Record<string, unknown> = good) {
  const desk = await open();
  await desk.store(...allArtifacts);
  desk.service.credentials.set("hf-token", { token: "hf_secretsecret" });
  await remember(desk.env, { dig_url_root: root, pool: "default" });
  desk.service.timeline = timeline;
  const connection = desk.connect(agreeing());
  const { name, workflow_id } = sent.parse(await use(submitOsmo, connection, args));
  const workflow = desk.service.workflows.get(workflow_id);
  if (!workflow) throw new Error("the service lost the workflow");
  return { desk, connection, name, workflow };
}

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

  it("a running task's log is tailed until the limit and ended by SIGINT, secrets taken out", async () => {
    const { connection, workflow } = await submitted([{ status: "RUNNING", tasks: { [kit]: { status: "RUNNING" } } }]);
    workflow.logs[kit] = "one\nHF_TOKEN=hf_verysecret\n[tail]\n";
    const { log } = await use(osmoStatus, connection, { task: kit });
    expect(log).toBe("one\nHF_TOKEN=[redacted]\n[tail]\n");
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

describe("cancelling", () => {
  const running = [{ status: "RUNNING", tasks: { [kit]: { status: "RUNNING" } } }];

  it("names the running pods to the human and waits for the yes", async () => {
    const { connection, workflow } = await submitted(running);
    const done = await use(osmoCancel, connection, { reason: "render hangs" });
    expect(connection.asked.at(-1)?.message).toContain(`Running now, their work is lost: ${kit}`);
    expect(done.running).toEqual([kit, edit]);
    expect(workflow.cancelled).toBe(true);
  });

  it("without a yes nothing is sent", async () => {
    const { desk, workflow } = await submitted(running);
    const refusal = await refusalOf(() => use(osmoCancel, desk.connect(), { reason: "impatience", words: "yes" }));
    expect(refusal.code).toBe("osmo.approval-required");
    const declined = desk.connect(() => ({ action: "decline" }));
    expect((await refusalOf(() => use(osmoCancel, declined, { reason: "impatience" }))).code).toBe(
      "osmo.approval-declined",
    );
    expect(workflow.cancelled).toBe(false);
  });

  it("a cancel that OSMO refuses is seen although the CLI exits 0", async () => {
    const { connection } = await submitted([...running, { status: "COMPLETED" }]);
    const refusal = await refusalOf(() => use(osmoCancel, connection, { reason: "render hangs" }));
    expect([refusal.code, refusal.facts.message]).toEqual([
      "osmo.cancel-refused",
      expect.stringContaining("already finished"),
    ]);
  });

  it("another user's workflow is left alone", async () => {
    const { connection, workflow } = await submitted(running);
    workflow.submitted_by = "bob";
    expect((await refusalOf(() => use(osmoCancel, connection, { reason: "not mine" }))).facts.owner).toBe("bob");
  });
});

/** Fills a good-image run: `cells` with `stems` each, and a hole where `restyled` says no. */
async function fillGood(
  desk: Desk,
  name: string,
  cells: number,
  stems: number,
  restyled = (_cell: number, _stem: number) => true,
) {
  for (let cell = 0; cell < cells; cell++) {
    for (let stem = 0; stem < stems; stem++) {
      const place = `passive_component/x${cell}_y0`;
      const file = String(stem).padStart(4, "0");
      await desk.put(
        `runs/${name}/usd2roi-components/crop/${place}/normal_img/${file}.png`,
        Buffer.from(`render ${cell} ${stem}`),
      );
      await desk.put(
        `runs/${name}/usd2roi-components/crop/${place}/cad_mask/${file}_cad_mask.png`,
        Buffer.from("mask"),
      );
      if (restyled(cell, stem))
        await desk.put(`runs/${name}/augment/crop/${place}/${file}.jpg`, Buffer.from(`styled ${cell} ${stem}`));
    }
  }
}

const done: Snapshot[] = [{ status: "COMPLETED" }];

describe("outputs", () => {
  it("a preview shows the same frame in every column, one of each cell first", async () => {
    const { desk, connection, name } = await submitted(done);
    await fillGood(desk, name, 12, 3, (cell) => cell !== 2);
    const seen = await use(osmoOutputs, connection, { samples: 5 });
    expect(seen).toMatchObject({
      columns: ["OV render", "OV cad mask", "Restyled"],
      dropped: [],
      samples: 5,
      replaced: false,
    });
    const dir = join(desk.home, "outputs", name, "preview");
    const styled = await readdir(join(dir, "col3"));
    expect(styled).toEqual((await readdir(join(dir, "col1"))).map((file) => file.replace(".png", ".jpg")));
    for (const file of styled) {
      const [, cell, stem] = /x(\d+)_y0__0*(\d+)\.jpg/.exec(file) ?? [];
      expect(await readFile(join(dir, "col3", file), "utf8")).toBe(`styled ${cell} ${stem}`);
    }
    const page = await readFile(join(dir, "index.html"), "utf8");
    expect([...page.matchAll(/src="([^"]+)"/g)].every(([, src]) => /^col\d\/[\w.-]+$/.test(src ?? ""))).toBe(true);
    expect((await use(osmoOutputs, connection, { samples: 5 })).replaced).toBe(true);
  });

  it("a column without matching frames is dropped, not mixed", async () => {
    const { desk, connection, name } = await submitted(done);
    await fillGood(desk, name, 3, 2, () => false);
    expect(await use(osmoOutputs, connection, {})).toMatchObject({
      columns: ["OV render", "OV cad mask"],
      dropped: ["Restyled"],
    });
  });

  it("an archive holds every stage and the logs of the tasks that ran", async () => {
    const { desk, connection, name, workflow } = await submitted(done);
    await fillGood(desk, name, 1, 1);
    workflow.logs[kit] = "rendered\n";
    const seen = await use(osmoOutputs, connection, { mode: "archive" });
    const zip = unzipSync(new Uint8Array(await readFile(String(seen.path))));
    expect(Object.keys(zip).sort()).toEqual([
      "logs/image-edit.log",
      "logs/usd2roi-replicator.log",
      "runs/augment/crop/passive_component/x0_y0/0000.jpg",
      "runs/usd2roi-components/crop/passive_component/x0_y0/cad_mask/0000_cad_mask.png",
      "runs/usd2roi-components/crop/passive_component/x0_y0/normal_img/0000.png",
    ]);
    expect(Buffer.from(zip["logs/usd2roi-replicator.log"] ?? []).toString()).toBe("rendered\n");
    await use(osmoOutputs, connection, {});
    expect((await desk.commands()).filter((argv) => argv[1] === "download")).toHaveLength(2);
  });

  it("an interrupted download leaves nothing that looks whole", async () => {
    const { desk, connection, name } = await submitted(done);
    await fillGood(desk, name, 1, 1);
    desk.env.OSMO_STAND_IN_BREAK_DOWNLOAD = "augment";
    expect((await refusalOf(() => use(osmoOutputs, connection, { mode: "archive" }))).code).toBe("osmo.download");
    expect(await readdir(join(desk.home, "outputs", name, "download", "runs"))).toEqual(["usd2roi-components"]);
    desk.env.OSMO_STAND_IN_BREAK_DOWNLOAD = undefined;
    expect((await use(osmoOutputs, connection, { mode: "archive" })).files).toBe(5);
  });

  it("a run without outputs, a target outside the workspace and a flow without images are refused", async () => {
    const { desk, connection, name } = await submitted(done);
    expect((await refusalOf(() => use(osmoOutputs, connection, {}))).code).toBe("osmo.no-outputs");
    await fillGood(desk, name, 1, 1);
    expect((await refusalOf(() => use(osmoOutputs, connection, { target_dir: "../elsewhere" }))).code).toBe(
      "gate.path-outside-workspace",
    );
    const elsewhere = { run: "finetune-00ff00ff", flow: "finetune", root };
    expect((await refusalOf(() => use(osmoOutputs, connection, elsewhere))).code).toBe("osmo.no-outputs");
  });

  it("checkpoints are downloaded only after a human agreed to the size", async () => {
    const { desk, name } = await submitted(done, { flow: "finetune", usecase: "pcb" });
    await desk.put(`runs/${name}/finetune/results/iter_000002000.pt`, Buffer.from("weights"));
    const silent = desk.connect();
    expect((await refusalOf(() => use(osmoOutputs, silent, { mode: "archive" }))).code).toBe("osmo.approval-required");
    expect((await use(osmoOutputs, silent, { mode: "archive", words: "ok, take it" })).files).toBe(2);
  });

  it("a run submitted elsewhere is shown by name, flow and root", async () => {
    const desk = await open();
    const name = "texture_defect_gen_day1_manual_roi-0a0a0a0a";
    for (const kind of ["original_image", "original_mask", "reconstructed_image"]) {
      for (let i = 0; i < 20; i++)
        await desk.put(`runs/${name}/anomaly/inference/${kind}/${i}.png`, Buffer.from(`${kind} ${i}`));
    }
    const args = { run: name, flow: "texture_defect_generation_day1_manual_roi", root: `${root}/` };
    expect(await use(osmoOutputs, desk.connect(), args)).toMatchObject({
      samples: 8,
      columns: ["Original image", "Original mask", "Defect"],
    });
  });
});

describe("preferences", () => {
  it("the storage root is written only with a human's yes", async () => {
    const desk = await open();
    const silent = desk.connect();
    const args = { key: "dig_url_root", value: root };
    expect((await refusalOf(() => use(preferences, silent, args))).code).toBe("osmo.approval-required");
    expect((await use(preferences, silent, { ...args, words: "yes" })).preferences).toEqual({ dig_url_root: root });
    expect(
      (
        await refusalOf(() =>
          use(
            preferences,
            desk.connect(() => ({ action: "cancel" })),
            { ...args, value: "s3://b/x" },
          ),
        )
      ).code,
    ).toBe("osmo.approval-declined");
  });

  it.each([
    [
      "image_edit_endpoint",
      "http://qwen-image-edit-nvpcb-ovsl2sl.osmo-nims.svc.cluster.local:8000/v1",
      "osmo.bad-preference",
    ],
    ["image_edit_endpoint", "https://user:password@host/v1", "osmo.bad-knob"],
    ["pod_template", "verified", "osmo.bad-preference"],
    ["osmo_admin", "true", "osmo.bad-preference"],
    ["board", "0603_H100", "osmo.bad-preference"],
    ["board", "115_2819_000", "osmo.mangled-name"],
  ])("%s=%s is not kept", async (key, value, code) => {
    const desk = await open();
    expect((await refusalOf(() => use(preferences, desk.connect(agreeing()), { key, value }))).code).toBe(code);
  });

  it("are kept for the owner alone, shown and forgotten", async () => {
    const desk = await open();
    const connection = desk.connect();
    await use(preferences, connection, { key: "board", value: "1152819000" });
    expect(await use(preferences, connection, {})).toMatchObject({ preferences: { board: "1152819000" } });
    await use(preferences, connection, { key: "board", value: "" });
    expect(await desk.preferences()).toEqual({ version: 1 });
    const { mode } = await stat(join(desk.home, "config", "deft-mcp", "preferences.json"));
    expect(mode & 0o777).toBe(0o600);
  });

  it("a file that holds something else is refused, not overwritten", async () => {
    const desk = await open();
    await mkdir(join(desk.home, "config", "deft-mcp"), { recursive: true });
    await writeFile(join(desk.home, "config", "deft-mcp", "preferences.json"), '{"version":1,"token":"x"}');
    expect((await refusalOf(() => use(preferences, desk.connect(), {}))).code).toBe("osmo.bad-preference");
  });
});
