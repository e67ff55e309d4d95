import { link, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import type { JobSpec } from "../../../server/run/job.ts";
import { train } from "../../../server/stages/train.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import {
  age,
  leaveLog,
  passed,
  put,
  runStage,
  type StageWorkspace,
  stageWorkspace,
} from "../../support/stage-workspace.ts";

const folder = temporaryFolders();

type Left = {
  verdict?: string;
  /** Validation loss by 0-based epoch, for the epochs that are validated and saved. */
  losses?: Readonly<Record<number, number>>;
  lines?: readonly object[];
  finished?: boolean;
  checkpoints?: readonly string[];
};

/** What `visual_changenet train` leaves. */
async function leaveTraining(dir: string, left: Left = {}): Promise<void> {
  const losses = left.losses ?? { 4: 0.5, 9: 0.7 };
  const lines = [
    { status: "STARTED", message: "Starting Visual ChangeNet train." },
    ...Object.entries(losses).flatMap(([epoch, val_loss]) => [
      { status: "RUNNING", message: "Eval metrics generated.", kpi: { val_loss } },
      { status: "RUNNING", message: "Training loop in progress", epoch: Number(epoch), kpi: { val_loss: 99 } },
    ]),
    ...(left.lines ?? []),
    ...(left.finished === false ? [] : [{ status: "RUNNING", message: "Train finished successfully." }]),
  ];
  await put(join(dir, "status.json"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const label = basename(dirname(dir));
  const names =
    left.checkpoints ?? Object.keys(losses).map((epoch) => `model_epoch_${epoch.padStart(3, "0")}_step_00010.pth`);
  for (const name of names) await put(join(dir, name), `weights ${label} ${name}`);
  const spec = await readFile(join(dirname(dir), `${label}_spec.yaml`), "utf8").catch(() => "");
  await put(join(dir, "experiment.yaml"), spec);
  await leaveLog(join(dir, "train.log"), left.verdict);
}

async function trainBaseline(left: Left): Promise<{ home: StageWorkspace; dir: string; run: () => Promise<unknown> }> {
  const home = await stageWorkspace(await folder());
  const dir = join(home.runDir, "baseline", "train");
  return { home, dir, run: () => runStage(train, home.context("baseline"), () => leaveTraining(dir, left)) };
}

describe("train", () => {
  it("records the checkpoint with the lowest validation loss and the latest one as candidates", async () => {
    const home = await stageWorkspace(await folder());
    const dir = join(home.runDir, "baseline", "train");
    const evidence = await runStage(train, home.context("baseline"), () => leaveTraining(dir));
    const best = join(dir, "model_epoch_004_step_00010.pth");
    const latest = join(dir, "model_epoch_009_step_00010.pth");
    expect(evidence.patch).toMatchObject({
      best_ckpt_path: best,
      best_ckpt_kind: "best_val",
      candidate_ckpts: { best_val: best, latest },
      training_spec: join(home.runDir, "baseline", "baseline_spec.yaml"),
      val_loss: 0.5,
    });
    expect(evidence.summary).toBe(`Train: val_loss=0.5 best_ckpt=best_val:${best}`);
    expect(evidence.pins).toEqual([join(home.runDir, "baseline", "baseline_spec.yaml"), best, latest]);
  });

  it("takes the best checkpoint by the metric that TAO monitors for a candidate, too, the newest where there are several", async () => {
    const home = await stageWorkspace(await folder());
    const dir = join(home.runDir, "baseline", "train");
    const periodic = ["model_epoch_004_step_00010.pth", "model_epoch_009_step_00010.pth"];
    const checkpoints = [...periodic, "model_best_003.pth", "model_best_007.pth"];
    const left = { checkpoints };
    const { patch, pins } = await runStage(train, home.context("baseline"), () => leaveTraining(dir, left));
    const best_metric = join(dir, "model_best_007.pth");
    expect(patch.candidate_ckpts).toMatchObject({ best_metric, latest: join(dir, periodic[1] ?? "") });
    expect(pins).toContain(best_metric);
  });

  it("comes out the same when it is collected again", async () => {
    const home = await stageWorkspace(await folder());
    const context = home.context("baseline");
    const dir = join(home.runDir, "baseline", "train");
    const first = await runStage(train, context, () => leaveTraining(dir));
    const { jobs } = await train.plan(context);
    expect(await train.collect(context, jobs.map(passed))).toEqual(first);
  });

  it("trains an iteration on its combined rows from the previous best weights", async () => {
    const home = await stageWorkspace(await folder());
    const baseline = await runStage(train, home.context("baseline"), () =>
      leaveTraining(join(home.runDir, "baseline", "train")),
    );
    const combined = home.at("results", "combined.csv");
    const context = home.context("iter1", { baseline: baseline.patch, iter1: { combined_training_csv: combined } });
    await runStage(train, context, () =>
      leaveTraining(join(home.runDir, "iter1", "train"), { losses: { 4: 0.3, 9: 0.2 } }),
    );
    const before = parse(await readFile(join(home.runDir, "baseline", "baseline_spec.yaml"), "utf8"));
    const after = parse(await readFile(join(home.runDir, "iter1", "iter1_spec.yaml"), "utf8"));
    expect(after.train.pretrained_model_path).toBe(baseline.patch.best_ckpt_path);
    expect(after.train.resume_training_checkpoint_path).toBeNull();
    expect(after.dataset.classify.train_dataset).toEqual({ csv_path: combined, images_dir: home.workspace });
    expect(after.dataset.classify.validation_dataset).toEqual(before.dataset.classify.validation_dataset);
    expect(after.model).toEqual(before.model);
    expect(after.train.classify).toEqual({ loss: "ce", cls_weight: [1, 10] });
  });

  it.each([
    ["the log says FAIL although the program exited 0", { verdict: "FAIL" }, "stage.failed"],
    ["the log holds no marker", { verdict: "" }, "stage.evidence-missing"],
    ["status.json ends before the training did", { finished: false }, "stage.failed"],
    [
      "status.json reports an interruption",
      { lines: [{ status: "FAILURE", message: "User/System interruption" }], finished: false },
      "stage.failed",
    ],
    [
      "it resumed an older run",
      { lines: [{ status: "RUNNING", message: "Resuming training from checkpoint: /a.pth" }] },
      "stage.failed",
    ],
    ["nothing was saved", { checkpoints: [] }, "stage.no-new-checkpoint"],
    ["only a file of another shape was saved", { checkpoints: ["model_best_004.pth"] }, "stage.no-new-checkpoint"],
  ])("is refused when %s", async (_, left, code) => {
    const { run } = await trainBaseline(left);
    expect((await refusalOf(run)).code).toBe(code);
  });

  it("passes on an error that TAO logged and survived", async () => {
    const { run } = await trainBaseline({ lines: [{ status: "FAILURE", message: "could not write an event" }] });
    expect(await run()).toMatchObject({ warnings: ["TAO logged an error and went on: could not write an event"] });
  });

  it("is refused when a checkpoint is empty", async () => {
    const { dir, home } = await trainBaseline({});
    const run = () =>
      runStage(train, home.context("baseline"), async () => {
        await leaveTraining(dir);
        await writeFile(join(dir, "model_epoch_009_step_00010.pth"), "");
      });
    expect((await refusalOf(run)).code).toBe("stage.no-new-checkpoint");
  });

  it("is refused when the only checkpoints are older than the attempt", async () => {
    const { dir, home } = await trainBaseline({});
    const run = () =>
      runStage(train, home.context("baseline"), async () => {
        await leaveTraining(dir);
        for (const epoch of ["004", "009"]) await age(join(dir, `model_epoch_${epoch}_step_00010.pth`));
      });
    expect((await refusalOf(run)).code).toBe("stage.no-new-checkpoint");
  });

  it("is refused when status.json is that of an earlier attempt", async () => {
    const { dir, home } = await trainBaseline({});
    const run = () =>
      runStage(train, home.context("baseline"), async () => {
        await leaveTraining(dir);
        await age(join(dir, "status.json"));
      });
    expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
  });

  it.each([
    ["a copy", async (from: string, to: string) => writeFile(to, await readFile(from))],
    ["a hard link", link],
    ["a symbolic link", symlink],
  ])("is refused when the new checkpoint is %s of the weights it started from", async (_, copy) => {
    const home = await stageWorkspace(await folder());
    const weights = join(home.runDir, "baseline", "train", "model_epoch_009_step_00010.pth");
    await put(weights, "weights");
    const context = home.context("iter1", {
      baseline: { best_ckpt_path: weights },
      iter1: { combined_training_csv: home.at("c.csv") },
    });
    const dir = join(home.runDir, "iter1", "train");
    const run = () =>
      runStage(train, context, async () => {
        await leaveTraining(dir, { checkpoints: [] });
        await copy(weights, join(dir, "model_epoch_009_step_00020.pth"));
      });
    expect((await refusalOf(run)).code).toBe("stage.no-new-checkpoint");
  });

  it("does not start in a directory that a training would resume from", async () => {
    const { dir, home } = await trainBaseline({});
    await put(join(dir, "changenet_model_classify_latest.pth"), "old");
    await age(join(dir, "changenet_model_classify_latest.pth"));
    const refusal = await refusalOf(() => runStage(train, home.context("baseline")));
    expect(refusal.code).toBe("stage.no-new-checkpoint");
    expect(refusal.facts.found).toEqual(["changenet_model_classify_latest.pth"]);
  });

  it("is refused when the composed spec shows that something else was trained", async () => {
    const { dir, home } = await trainBaseline({});
    const run = () =>
      runStage(train, home.context("baseline"), async () => {
        await leaveTraining(dir);
        await put(join(dir, "experiment.yaml"), "train: {num_epochs: 3}\n");
      });
    expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
  });

  it.each([
    [{ outcome: "exited", exit_code: 1 }, "stage.failed"],
    [{ outcome: "oom", exit_code: 137 }, "job.host-memory"],
    [{ outcome: "cancelled" }, "executor.cancelled"],
    [{ outcome: "timeout" }, "executor.timeout"],
    [{ outcome: "lost" }, "executor.lost-job"],
  ] as const)("is refused when the job ended as %j", async (exit, code) => {
    const { dir, home } = await trainBaseline({});
    const context = home.context("baseline");
    await runStage(train, context, () => leaveTraining(dir));
    const { jobs } = await train.plan(context);
    const refusal = await refusalOf(() =>
      train.collect(
        context,
        jobs.map((spec: JobSpec) => ({ spec, exit })),
      ),
    );
    expect(refusal.code).toBe(code);
    expect(refusal.facts.log_end).toContain(" - [TAO Toolkit] - INFO - Execution status: PASS (entrypoint.py:1)");
  });

  it("is refused when a planned job left no outcome", async () => {
    const { dir, home } = await trainBaseline({});
    await runStage(train, home.context("baseline"), () => leaveTraining(dir));
    expect((await refusalOf(() => train.collect(home.context("baseline"), []))).code).toBe("stage.evidence-missing");
  });
});
