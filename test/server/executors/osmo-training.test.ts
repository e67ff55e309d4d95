import { cp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { identityOf } from "../../../server/exec/identity.ts";
import { keepTask } from "../../../server/executors/osmo-keeper.ts";
import { osmoFiles, readExit, readTask, saveTask } from "../../../server/executors/osmo-record.ts";
import { jobRecordSchema } from "../../../server/run/job.ts";
import { osmoTraining, type Training } from "../../support/osmo-training.ts";
import { toolClient } from "../../support/tool-client.ts";

const job = "baseline-train-1-train";
let training: Training;
beforeAll(async () => {
  training = await osmoTraining();
}, 60_000);
beforeEach(() => training.restore());
afterAll(() => training.remove());

async function call(tool: string, args: Record<string, unknown>, env: Record<string, string> = {}) {
  const client = await toolClient(training.deps(env));
  const answer = await client.call(tool, { run: training.runDir, ...args });
  await client.close();
  return answer;
}
const runStage = (wait_seconds = 60, env: Record<string, string> = {}) => call("run_stage", { wait_seconds }, env);

async function record() {
  return jobRecordSchema.parse(JSON.parse(await readFile(osmoFiles(training.runDir, job).record, "utf8")));
}

/** Commands of the CLI that began with these words. */
async function commands(...words: string[]): Promise<string[][]> {
  const lines = (await readFile(join(training.home, "commands.jsonl"), "utf8")).trim().split("\n");
  const all = lines.map((line): string[] => JSON.parse(line));
  return all.filter((argv) => words.every((word, index) => argv[index] === word));
}
const submits = () => commands("workflow", "submit");

async function killKeeper(): Promise<void> {
  const names = await readdir(join(training.runDir, "jobs"));
  for (const name of names.filter((one) => one.includes(".osmo-keeper."))) {
    const { pid } = JSON.parse(await readFile(join(training.runDir, "jobs", name), "utf8"));
    process.kill(pid, "SIGKILL");
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
    expect(ledger).toEqual({ checkpoints: 2, epochs: 2 });
    const sent = Date.parse((await readTask(training.runDir, job))?.sent_at ?? "");
    const { mtimeMs, size } = await stat(best_ckpt_path);
    expect(size).toBeGreaterThan(1000);
    expect(mtimeMs).toBeGreaterThanOrEqual(sent);
    expect(mtimeMs).toBeLessThanOrEqual(Date.now());
    const ran = parse(await readFile(join(training.runDir, "baseline/train/experiment.yaml"), "utf8"));
    expect(ran.dataset.classify.train_dataset.csv_path).toBe(state.config.training_csv);
    expect(await readFile(training_spec, "utf8")).not.toContain("DEFT_");
    expect(await submits()).toHaveLength(1);
  }, 120_000);

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

  const ends: [string, { status: string; exit_code?: number }, string][] = [
    ["evicted or out of memory", { status: "FAILED_EVICTED", exit_code: 3004 }, "job.host-memory"],
    ["killed with 137", { status: "FAILED", exit_code: 137 }, "job.host-memory"],
    ["longer than its limit", { status: "FAILED_EXEC_TIMEOUT" }, "executor.timeout"],
    ["longer in the queue than its limit", { status: "FAILED_QUEUE_TIMEOUT" }, "executor.timeout"],
    ["cancelled by somebody", { status: "FAILED_CANCELED" }, "executor.cancelled"],
    ["preempted", { status: "FAILED_PREEMPTED" }, "stage.failed"],
    ["without its image", { status: "FAILED_IMAGE_PULL" }, "executor.lost-job"],
    ["rejected by the service's checks", { status: "FAILED_SUBMISSION" }, "executor.lost-job"],
  ];
  it.each(ends)(
    "ends as a hard stop when it was %s",
    async (_how, { status, exit_code }, code) => {
      training.service.timeline = [{ status, tasks: { job: { status, exit_code: exit_code ?? null } } }];
      const answer = await runStage();
      expect(answer).toMatchObject({ ok: true, result: { outcome: "hard_stop" } });
      expect(answer.text).toContain(code);
      expect(answer.text).toContain(status);
    },
    60_000,
  );

  it("names a failure of the program by what its log shows", async () => {
    training.runPods({ visual_changenet: "echo 'torch.OutOfMemoryError: CUDA out of memory.'; exit 1" });
    const answer = await runStage();
    expect(answer).toMatchObject({ ok: true, result: { outcome: "hard_stop" } });
    expect(answer.text).toContain("job.gpu-memory");
    expect(await readFile(join(training.runDir, "baseline/train/train.log"), "utf8")).toContain("\ntorch.Out".trim());
  }, 60_000);

  it("is not done when the program exits 0 and writes no checkpoint", async () => {
    training.runPods({ visual_changenet: "echo 'Execution status: PASS'; echo '{}' > status.json" });
    const answer = await runStage();
    expect(answer).toMatchObject({ ok: true, result: { outcome: "hard_stop" } });
    expect(answer.text).toContain("stage.evidence-missing");
  }, 60_000);

  it("does not take a file that was older than the program's start in the pod", async () => {
    const engine = `"${process.execPath}" "${join(process.cwd(), "dist/deft-mcp.js")}" engine visual_changenet "$@"`;
    training.runPods({ visual_changenet: `${engine} && touch -d '2 hours ago' *.pth` });
    const answer = await runStage();
    expect(answer).toMatchObject({ ok: true, result: { outcome: "hard_stop" } });
    expect(answer.text).toContain("stage.no-new-checkpoint");
  }, 60_000);

  const holes: [string, (output: string) => Promise<void>, string][] = [
    ["a hole", async (output) => rm(join(output, "train/status.json")), "has a hole"],
    ["a cut file", async (output) => writeFile(join(output, "train/experiment.yaml"), "x"), "came changed or cut"],
    ["no manifest", async (output) => rm(join(output, "deft-manifest.tsv")), "holds no manifest"],
    [
      "another submit's manifest",
      async (output) => {
        const path = join(output, "deft-manifest.tsv");
        await writeFile(path, (await readFile(path, "utf8")).replace(/^deft\t1\t\w+/, "deft\t1\tother"));
      },
      "of another submit",
    ],
  ];
  it.each(holes)(
    "brings nothing back from an output with %s, and all of it once it is whole",
    async (_what, spoil, why) => {
      const output = await spoiltOutput(spoil);
      const refused = await runStage();
      expect(refused).toMatchObject({ ok: false, code: "osmo.download" });
      expect(refused.text).toContain(why);
      expect(await readdir(join(training.runDir, "baseline/train"))).toEqual([]);
      await output.mend();
      expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
      expect(await submits()).toHaveLength(1);
    },
    120_000,
  );

  it("tries an interrupted download again", async () => {
    training.runPods();
    const refused = await runStage(60, { OSMO_STAND_IN_BREAK_DOWNLOAD: "deft/outputs" });
    expect(refused).toMatchObject({ ok: false, code: "osmo.download" });
    expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
    expect(await submits()).toHaveLength(1);
  }, 120_000);

  it("lets a person give up on outputs that do not come", async () => {
    const broken = { OSMO_STAND_IN_BREAK_DOWNLOAD: "deft/outputs" };
    training.runPods();
    expect(await runStage(60, broken)).toMatchObject({ ok: false, code: "osmo.download" });
    const client = await toolClient(training.deps(broken), () => ({ action: "accept", content: { approve: true } }));
    const answer = await client.call("cancel_stage", { run: training.runDir });
    await client.close();
    expect(answer.text).toContain("executor.cancelled");
  }, 120_000);

  it("ends the pod when a person cancels the stage", async () => {
    training.runPods({ visual_changenet: "sleep 600" });
    expect(await runStage(4)).toMatchObject({ ok: true, result: { outcome: "running" } });
    const client = await toolClient(training.deps(), () => ({ action: "accept", content: { approve: true } }));
    const answer = await client.call("cancel_stage", { run: training.runDir });
    await client.close();
    expect(answer.text).toContain("executor.cancelled");
    expect([...training.service.workflows.values()].map(({ cancelled }) => cancelled)).toEqual([true]);
  }, 60_000);

  it("tells an upload that broke, and goes on with the next call", async () => {
    training.runPods();
    expect(await runStage(30, { OSMO_STAND_IN_BREAK_UPLOAD: "1" })).toMatchObject({ ok: false, code: "osmo.download" });
    expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
  }, 60_000);

  it("tells that the service refused the submit, and submits with the next call", async () => {
    training.runPods();
    training.service.failures.set("POST /api/pool", { status: 403, body: "access denied" });
    expect(await runStage(30)).toMatchObject({ ok: false, code: "osmo.forbidden" });
    training.service.failures.clear();
    expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
    expect(training.service.workflows.size).toBe(1);
  }, 60_000);
});

describe("one submit", () => {
  it("is found again when its answer was lost", async () => {
    training.runPods();
    training.service.loseSubmitAnswer = true;
    expect(await runStage()).toMatchObject({ ok: true, result: { outcome: "committed" } });
    expect(training.service.workflows.size).toBe(1);
  }, 60_000);

  it("survives the death of keeper and server while the pod runs", async () => {
    training.runPods({ visual_changenet: "sleep 3; exit 3" });
    expect(await runStage(5)).toMatchObject({ ok: true, result: { outcome: "running" } });
    await killKeeper();
    const answer = await runStage();
    expect(answer.text).toContain('"exit_code":3');
    expect(await submits()).toHaveLength(1);
  }, 60_000);

  it("is looked up by a keeper that follows one killed between sending and recording", async () => {
    training.runPods({ visual_changenet: "sleep 600" });
    await runStage(5);
    await killKeeper();
    const { workflow_id, ...task } = (await readTask(training.runDir, job)) ?? fail();
    await saveTask(training.runDir, job, { ...task, state: "sending" });
    await runStage(5);
    expect(await readTask(training.runDir, job)).toMatchObject({ state: "submitted", workflow_id });
    expect(training.service.workflows.size).toBe(1);
    await killKeeper();
    training.service.workflows.get(workflow_id ?? "")?.stop?.();
  }, 60_000);

  it("is sent again only when nobody took it in the time that an answer may take", async () => {
    training.service.timeline = [{ status: "RUNNING" }];
    await runStage(5);
    await killKeeper();
    training.service.workflows.clear();
    training.service.timeline = [{ status: "FAILED_CANCELED" }];
    const { workflow_id: _gone, ...task } = (await readTask(training.runDir, job)) ?? fail();
    await saveTask(training.runDir, job, { ...task, state: "sending", sent_at: new Date().toISOString() });
    const pace = { first_ms: 10, most_ms: 50, settle_ms: 1500 };
    const began = Date.now();
    await keepTask({ runDir: training.runDir, record: await record(), env: training.env, pace });
    expect(Date.now() - began).toBeGreaterThan(1400);
    expect(await submits()).toHaveLength(2);
    expect(await readExit(training.runDir, job)).toMatchObject({ outcome: "cancelled" });
  }, 60_000);
});

function fail(): never {
  throw new Error("the task left no record");
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
