import { cp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { keep } from "../../../../server/durable/keeper.ts";
import { jobStem, readExit } from "../../../../server/durable/work.ts";
import { identityOf } from "../../../../server/exec/identity.ts";
import { sha256OfFile } from "../../../../server/fs/hash.ts";
import { taskWork } from "../../../../server/platforms/osmo/keeper.ts";
import { readTask, saveTask } from "../../../../server/platforms/osmo/record.ts";
import { runBuilt } from "../../../support/built-server.ts";
import { osmoTraining, type Training } from "../../../support/osmo-training.ts";
import { toolClient } from "../../../support/tool-client.ts";

const job = "baseline-train-1-train";
let training: Training;
beforeAll(async () => {
  training = await osmoTraining();
});
beforeEach(() => training.restore());
afterAll(() => training.remove());

async function call(tool: string, args: Record<string, unknown>, env: Record<string, string> = {}) {
  const client = await toolClient(training.deps(env));
  const answer = await client.call(tool, { run: training.runDir, ...args });
  await client.close();
  return answer;
}
const runStage = (wait_seconds = 60, env: Record<string, string> = {}) => call("run_stage", { wait_seconds }, env);

const stem = () => jobStem(training.runDir, job);

/** Commands of the CLI that began with these words. */
async function commands(...words: string[]): Promise<string[][]> {
  const lines = (await readFile(join(training.home, "commands.jsonl"), "utf8")).trim().split("\n");
  const all = lines.map((line): string[] => JSON.parse(line));
  return all.filter((argv) => words.every((word, index) => argv[index] === word));
}
const submits = () => commands("workflow", "submit");

async function killKeeper(): Promise<void> {
  const names = await readdir(join(training.runDir, "jobs"));
  for (const name of names.filter((one) => /\.claim(\.\d+)?$/.test(one))) {
    const { pid } = JSON.parse(await readFile(join(training.runDir, "jobs", name), "utf8"));
    if (await identityOf(pid)) process.kill(pid, "SIGKILL");
    while (await identityOf(pid)) await new Promise((done) => setTimeout(done, 20));
  }
}

describe("training as an OSMO task", () => {
  it("commits on the checkpoint and the status that the pod wrote, newer than the job's start", async () => {
    training.runPods();
    const answer = await runStage();
    expect(answer).toMatchObject({ ok: true, result: { outcome: "committed", iteration: "baseline", stage: "train" } });
    const state = JSON.parse(await readFile(join(training.runDir, "deft_state.json"), "utf8"));
    const { best_ckpt_path, training_spec, ledger } = state.iterations.baseline;
    expect(ledger).toEqual({ checkpoints: 1, epochs: 2 });
    const sent = Date.parse((await readTask(stem()))?.sent_at ?? "");
    const { mtimeMs, size } = await stat(best_ckpt_path);
    expect(size).toBeGreaterThan(1000);
    expect(mtimeMs).toBeGreaterThanOrEqual(sent);
    expect(mtimeMs).toBeLessThanOrEqual(Date.now());
    const ran = parse(await readFile(join(training.runDir, "baseline/train/experiment.yaml"), "utf8"));
    expect(ran.dataset.classify.train_dataset.csv_path).toBe(state.config.training_csv);
    expect(await readFile(training_spec, "utf8")).not.toContain("DEFT_");
    expect(await submits()).toHaveLength(1);
    const here = join(training.home, "here");
    const argv = ["engine", "visual_changenet", "train", "-e", training_spec, `train.results_dir=${here}`];
    expect(runBuilt(argv, { home: training.home }).exit).toBe(0);
    expect(await sha256OfFile(best_ckpt_path)).toBe(await sha256OfFile(join(here, basename(best_ckpt_path))));
  });

  it("trains an iteration on new rows from the weights before, and uploads only what is new", async () => {
    training.runPods();
    for (let stage = ""; stage !== "iter1 train"; ) {
      const answer = await runStage();
      if (!answer.ok) throw new Error(answer.text);
      stage = `${answer.result.iteration} ${answer.result.stage}`;
      if (answer.result.outcome !== "committed") throw new Error(answer.text);
    }
    const [, last] = [...training.service.workflows.values()].map(
      ({ spec }) => parse(spec).workflow.groups[0].tasks[0],
    );
    expect(last.inputs).toHaveLength(3);
    const uploads = await commands("data", "upload");
    const first = uploads.slice(0, 2).map(([, , url]) => url);
    // Mounted again: the data of the baseline. New: the added rows' images, and what the run itself wrote.
    expect(last.inputs[0].url).toBe(first[0]);
    expect(uploads.slice(2).map(([, , url]) => url)).toEqual([last.inputs[1].url, last.inputs[2].url]);
    const folder = (url: string) => join(training.store, url.slice("s3://".length));
    expect((await readdir(folder(last.inputs[2].url), { recursive: true })).some((name) => name.endsWith(".pth"))).toBe(
      true,
    );
    expect(await submits()).toHaveLength(2);
  });

  it("shows pool, place and hours in the plan that is approved", () => {
    expect(training.planSummary).toContain("OSMO pool default (platform default), files below s3://lab/dig/deft");
    expect(training.planSummary).toContain("2 trainings of at most 24 h on 0 GPUs: at most 0 GPU hours");
  });

  it("does not train elsewhere than approved", async () => {
    const moved = await runStage(5, { DEFT_OSMO_TRAIN_POOL: "other" });
    expect(moved).toMatchObject({ ok: false, code: "approval.plan-changed" });
    const local = await runStage(5, { DEFT_OSMO_TRAIN_POOL: "" });
    expect(local).toMatchObject({ ok: false, code: "approval.plan-changed" });
  });

  it("ends as a hard stop with OSMO's words when the pod was evicted", async () => {
    training.service.timeline = [
      { status: "FAILED_EVICTED", tasks: { job: { status: "FAILED_EVICTED", exit_code: 3004 } } },
    ];
    const answer = await runStage();
    expect(answer).toMatchObject({ ok: true, result: { outcome: "hard_stop" } });
    expect(answer.text).toContain("job.host-memory");
    expect(answer.text).toContain("ended as FAILED_EVICTED");
  });

  it("names a failure of the program by what its log shows", async () => {
    training.runPods({ visual_changenet: "echo 'torch.OutOfMemoryError: CUDA out of memory.'; exit 1" });
    const answer = await runStage();
    expect(answer).toMatchObject({ ok: true, result: { outcome: "hard_stop" } });
    expect(answer.text).toContain("job.gpu-memory");
    expect(await readFile(join(training.runDir, "baseline/train/train.log"), "utf8")).toContain("\ntorch.Out".trim());
  });

  it("does not take a file that was older than the program's start in the pod", async () => {
    const engine = `"${process.execPath}" "${join(process.cwd(), "dist/deft-mcp.js")}" engine visual_changenet "$@"`;
    training.runPods({ visual_changenet: `${engine} && touch -d '2 hours ago' *.pth` });
    const answer = await runStage();
    expect(answer).toMatchObject({ ok: true, result: { outcome: "hard_stop" } });
    expect(answer.text).toContain("stage.no-new-checkpoint");
  });

  it("brings nothing back from an output with a hole, and all of it once it is whole", async () => {
    const output = await spoiltOutput((folder) => rm(join(folder, "train/status.json")));
    const refused = await runStage();
    expect(refused).toMatchObject({ ok: false, code: "osmo.download" });
    expect(refused.text).toContain("has a hole");
    expect(await readdir(join(training.runDir, "baseline/train"))).toEqual([]);
    await output.mend();
    expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
    expect(await submits()).toHaveLength(1);
  });

  it("tries an interrupted download with every call, until a person gives it up", async () => {
    const broken = { OSMO_STAND_IN_BREAK_DOWNLOAD: "deft/outputs" };
    training.runPods();
    for (const _call of [1, 2]) {
      expect(await runStage(60, broken)).toMatchObject({ ok: false, code: "osmo.download" });
    }
    expect(await submits()).toHaveLength(1);
    const client = await toolClient(training.deps(broken), () => ({ action: "accept", content: { approve: true } }));
    const answer = await client.call("cancel_stage", { run: training.runDir });
    await client.close();
    expect(answer.text).toContain("executor.cancelled");
  });

  it("ends the pod when a person cancels the stage", async () => {
    training.runPods({ visual_changenet: "sleep 600" });
    await untilSubmitted();
    const client = await toolClient(training.deps(), () => ({ action: "accept", content: { approve: true } }));
    const answer = await client.call("cancel_stage", { run: training.runDir });
    await client.close();
    expect(answer.text).toContain("executor.cancelled");
    expect([...training.service.workflows.values()].map(({ cancelled }) => cancelled)).toEqual([true]);
  });

  it("tells what stopped it before the submit, and goes on with the next call", async () => {
    training.runPods();
    expect(await runStage(60, { OSMO_STAND_IN_BREAK_UPLOAD: "1" })).toMatchObject({ ok: false, code: "osmo.download" });
    training.service.failures.set("POST /api/pool", { status: 403, body: "access denied" });
    expect(await runStage()).toMatchObject({ ok: false, code: "osmo.forbidden" });
    training.service.failures.clear();
    expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
    expect(training.service.workflows.size).toBe(1);
  });
});

describe("one submit", () => {
  it("is found again when its answer was lost", async () => {
    training.runPods();
    training.service.loseSubmitAnswer = true;
    expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
    expect(training.service.workflows.size).toBe(1);
  });

  it("survives the death of keeper and server, before and after it was recorded", async () => {
    training.runPods({ visual_changenet: `while [ ! -e ${training.home}/go ]; do sleep 0.2; done; exit 3` });
    const { workflow_id, ...task } = await untilSubmitted();
    await killKeeper();
    await saveTask(stem(), { ...task, state: "sending" });
    expect((await untilSubmitted()).workflow_id).toBe(workflow_id);
    await killKeeper();
    await writeFile(join(training.home, "go"), "");
    expect((await runStage()).text).toContain('"exit_code":3');
    expect(await submits()).toHaveLength(1);
  });

  it("is sent again only when nobody took it in the time that an answer may take", async () => {
    training.service.timeline = [{ status: "RUNNING" }];
    const { workflow_id: _gone, ...task } = await untilSubmitted();
    await killKeeper();
    training.service.workflows.clear();
    training.service.timeline = [{ status: "FAILED_CANCELED" }];
    await saveTask(stem(), { ...task, state: "sending", sent_at: new Date().toISOString() });
    const pace = { first_ms: 10, most_ms: 50, settle_ms: 1500 };
    const began = Date.now();
    await keep(stem(), taskWork(pace), training.env);
    expect(Date.now() - began).toBeGreaterThan(1400);
    expect(await submits()).toHaveLength(2);
    expect(await readExit(stem())).toMatchObject({ outcome: "cancelled" });
  });
});

function fail(): never {
  throw new Error("the task left no record");
}

/** Calls `run_stage` until the keeper has recorded the submit. */
async function untilSubmitted() {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    expect(await runStage(1)).toMatchObject({ ok: true, result: { outcome: "running" } });
    const task = await readTask(stem());
    if (task?.state === "submitted") return task;
  }
  throw new Error("it was not submitted in time");
}

/** Lets the pod's output lose something before anybody downloads it. */
async function spoiltOutput(spoil: (output: string) => Promise<void>) {
  training.runPods();
  const whole = join(training.home, "whole");
  const run = training.service.runTask ?? fail();
  let output = "";
  training.service.runTask = async (workflow) => {
    const end = await run(workflow);
    output = join(training.store, parse(workflow.spec).workflow.groups[0].tasks[0].outputs[0].url.slice(5));
    await rm(whole, { recursive: true, force: true });
    await cp(output, whole, { recursive: true });
    await spoil(output);
    return end;
  };
  return { mend: () => cp(whole, output, { recursive: true, force: true }) };
}
