import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { renderTask, type TaskWish } from "../../../../server/platforms/osmo/task.ts";
import { trainingElsewhere } from "../../../../server/platforms/osmo/training-elsewhere.ts";
import type { Executor } from "../../../../server/ports/executor.ts";
import type { JobSpec } from "../../../../server/run/job.ts";
import { type Desk, osmoDesks } from "../../../support/osmo-desk.ts";
import { refusalOf } from "../../../support/refusal.ts";

const open = osmoDesks();

function local(platform: "embedded" | "docker", started: string[] = []): Executor {
  return {
    platform,
    engine: "engine",
    availability: async () => ({ available: true, detail: "here" }),
    start: async (_run, spec) => {
      started.push(spec.id);
      return { local: spec.id };
    },
    poll: async () => ({ state: "running" }),
    cancel: async () => undefined,
    discard: async () => undefined,
  };
}

const pool = { DEFT_OSMO_TRAIN_POOL: "default", DEFT_OSMO_ROOT: "s3://lab/dig/" };

describe("training elsewhere", () => {
  const grounds: [string, "embedded" | "docker", object, (desk: Desk) => unknown, string][] = [
    ["no storage root", "docker", { DEFT_OSMO_ROOT: "" }, () => undefined, "needs a storage root"],
    ["a root that is no storage", "docker", { DEFT_OSMO_ROOT: "/data" }, () => undefined, "needs a storage root"],
    ["an air-gapped host", "docker", { AIR_GAPPED: "1" }, () => undefined, "lets no training leave"],
    ["no CLI", "docker", { DEFT_OSMO_BIN: "/nowhere/osmo" }, () => undefined, "executable was not found"],
    ["no login", "docker", {}, (desk) => rm(join(desk.home, "osmo"), { recursive: true }), "not logged in"],
    ["an unknown pool", "docker", { DEFT_OSMO_TRAIN_POOL: "other" }, () => undefined, "shows no pool other"],
    [
      "a pool in maintenance",
      "docker",
      {},
      (desk) => Object.assign(desk.service.pools, { default: { status: "MAINTENANCE", total_capacity: "8" } }),
      "MAINTENANCE",
    ],
    ["the embedded engine without an image", "embedded", {}, () => undefined, "needs TAO_PYT_IMAGE"],
  ];
  it.each(grounds)("is not available with %s", async (_what, platform, more, spoil, why) => {
    const desk = await open();
    await spoil(desk);
    const env = { ...desk.env, ...pool, ...more };
    const state = await trainingElsewhere(local(platform), { main: "main", env }).availability({});
    expect(state).toEqual({ available: false, detail: expect.stringContaining(why) });
  });

  it("tells pool and place, and leaves every other job on the platform", async () => {
    const desk = await open();
    const started: string[] = [];
    const executor = trainingElsewhere(local("docker", started), { main: "main", env: { ...desk.env, ...pool } });
    expect(executor.trains_on).toBe("OSMO pool default (platform default), files below s3://lab/dig/deft");
    const detail = "here; training in OSMO pool default, 8 GPUs, ONLINE";
    expect(await executor.availability({})).toEqual({ available: true, detail });
    await executor.start(desk.home, { id: "e", argv: ["visual_changenet", "inference", "-e", "x"] } as JobSpec);
    expect(started).toEqual(["e"]);
  });

  it("changes nothing unless the operator names a pool", async () => {
    const executor = trainingElsewhere(local("docker"), { main: "main", env: { DEFT_OSMO_ROOT: "s3://lab/dig" } });
    expect("trains_on" in executor).toBe(false);
    expect(await executor.availability({})).toEqual({ available: true, detail: "here" });
  });
});

describe("the workflow of a training", () => {
  const job = {
    id: "baseline-train-1-train",
    argv: ["visual_changenet", "train", "-e", "/boards/run/baseline/spec.yaml"],
    env: { HOME: "/tmp" },
    env_names: ["HF_TOKEN"],
    workdir: "/boards/run/baseline/train",
    log_path: "/boards/run/baseline/train/train.log",
    shm_size: "8g",
    time_limit_sec: 7200,
  } as unknown as JobSpec;
  const wish: TaskWish = {
    job,
    inputs: {
      spec: { name: "spec.yaml", text: "a: '{{ b }}'", host_path: "/boards/run/baseline/spec.yaml" },
      ...{ gpus: 4, roots: ["/boards"], lasting: {}, own: {} },
    },
    image: "nvcr.io/tao:1",
    settings: { pool: "p", root: "s3://lab/dig", platform: "h100" },
    ...{ workflow_name: "deft-x-0a", stamp: "0a", input_urls: ["s3://a", "s3://b"], output_url: "s3://c" },
  };

  it("carries limits, size, credentials by name and the pod's own names for paths", () => {
    const { workflow } = parse(renderTask(wish));
    expect(workflow.timeout.exec_timeout).toBe("7200s");
    expect(workflow.resources.job).toEqual({ gpu: 4, cpu: 32, memory: "192Gi", storage: "100Gi", platform: "h100" });
    const [task] = workflow.groups[0].tasks;
    expect(task.credentials).toEqual({ "hf-token": { HF_TOKEN: "token" } });
    expect(task.environment).toEqual({
      ...{ HOME: "/tmp", DEFT_STAMP: "0a", DEFT_OUTPUT: "{{output}}", DEFT_INPUTS: "{{input:0}} {{input:1}}" },
    });
    expect(task.args.slice(1)).toEqual([
      ...["train", "train.log", "8", "visual_changenet", "train", "-e", "@DEFT_FILES@/spec.yaml"],
    ]);
    expect(Buffer.from(task.files[1].contents, "base64").toString()).toBe("a: '{{ b }}'");
  });

  it("is refused when a value would be read as a template", async () => {
    const spoilt = { ...wish, job: { ...job, env: { NAME: "{{ x }}" } } };
    expect((await refusalOf(() => renderTask(spoilt))).code).toBe("osmo.template-token");
  });
});
