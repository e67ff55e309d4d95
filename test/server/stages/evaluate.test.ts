import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { changenetColumns } from "../../../server/data/changenet.ts";
import type { JobSpec } from "../../../server/run/job.ts";
import type { MetricContract } from "../../../server/run/metric.ts";
import type { IterationState } from "../../../server/run/state.ts";
import { evaluate } from "../../../server/stages/evaluate.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import {
  age,
  kpiParts,
  leaveLog,
  put,
  runStage,
  type StageWorkspace,
  stageWorkspace,
} from "../../support/stage-workspace.ts";

const folder = temporaryFolders();

/** Scores of k1 to k8 in the order of the KPI set: FAR is 40 % at recall 100 %. */
const worse = [0.05, 0.1, 0.3, 0.42, 0.6, 0.4, 0.9, 0.55];
/** FAR is 20 %. */
const better = [0.05, 0.1, 0.3, 0.32, 0.6, 0.4, 0.9, 0.55];

type Left = { scores?: readonly (number | string)[]; parts?: typeof kpiParts; finished?: boolean };

/** What `visual_changenet inference` leaves. */
async function leaveInference(job: JobSpec, left: Left = {}): Promise<void> {
  const dir = job.workdir;
  const { scores = better, parts = kpiParts } = left;
  const rows = parts.map(([label, object], at) =>
    ["boards", "golden", label, object, ...Array<string>(10).fill(""), scores[at] ?? ""].join(","),
  );
  await put(join(dir, "inference.csv"), `${[...changenetColumns, "siamese_score"].join(",")}\n${rows.join("\n")}\n`);
  const lines = [
    { status: "STARTED", message: "Starting Visual ChangeNet inference." },
    ...(left.finished === false ? [] : [{ status: "RUNNING", message: "Inference finished successfully." }]),
  ];
  await put(join(dir, "status.json"), lines.map((line) => JSON.stringify(line)).join("\n"));
  await leaveLog(job.log_path);
}

let home: StageWorkspace;
let trained: IterationState;
const kindOfJob = (job: JobSpec) => basename(job.workdir) as "best_val" | "latest";

beforeEach(async () => {
  home = await stageWorkspace(await folder());
  const dir = join(home.runDir, "baseline", "train");
  const candidate_ckpts = {
    best_val: join(dir, "model_epoch_004_step_00010.pth"),
    latest: join(dir, "model_epoch_009_step_00020.pth"),
  };
  for (const path of Object.values(candidate_ckpts)) await put(path, path);
  trained = { best_ckpt_path: candidate_ckpts.best_val, best_ckpt_kind: "best_val", candidate_ckpts, val_loss: 0.5 };
});

const score = (left: Partial<Record<"best_val" | "latest", Left>>) =>
  runStage(evaluate, home.context("baseline", { baseline: trained }), async (jobs) => {
    for (const job of jobs) await leaveInference(job, left[kindOfJob(job)]);
  });

describe("evaluate", () => {
  it("keeps the checkpoint with the lower FAR, whatever its validation loss", async () => {
    const evidence = await score({ best_val: { scores: worse }, latest: { scores: better } });
    expect(evidence.patch).toMatchObject({
      best_ckpt_path: trained.candidate_ckpts?.latest,
      best_ckpt_kind: "latest",
      inference_csv: join(home.runDir, "baseline", "inference", "latest", "inference.csv"),
      threshold: 0.32,
      far_pct: 20,
      metric_result: { name: "far_pct", value: 20, unit: "%", constraints: { recall_pct: 100 }, passed: false },
      ledger: { kpi_rows: 8, checkpoints_compared: 2 },
    });
    expect(evidence.patch.metric_result?.diagnostics?.far_pct_at_recall).toEqual({ "99": 20, "100": 20 });
    expect(evidence.summary).toBe("Evaluate: far_pct=20% target <1%; threshold=0.32");
  });

  it("scores once when both candidates are the same file", async () => {
    const same = trained.candidate_ckpts?.best_val ?? "";
    const context = home.context("baseline", {
      baseline: { ...trained, candidate_ckpts: { best_val: same, latest: same } },
    });
    expect((await evaluate.plan(context)).jobs.map(({ id }) => id)).toEqual(["baseline-evaluate-1-inference_best_val"]);
  });

  it("writes the published KPI files beside each inference", async () => {
    await score({});
    const dir = join(home.runDir, "baseline", "inference", "latest");
    expect((await readFile(join(dir, "threshold_metrics.csv"), "utf8")).split("\n")).toHaveLength(11);
    expect(await readFile(join(dir, "summary.txt"), "utf8")).toContain(">>> FAR (False Alarm Rate): 20.0000%");
    expect(JSON.parse(await readFile(join(dir, "metric_result.json"), "utf8"))).toMatchObject({
      name: "far_pct",
      value: 20,
    });
  });

  it("infers without augmentation on one GPU with the loss of the training", async () => {
    await score({});
    const spec = parse(await readFile(join(home.runDir, "baseline", "inference", "inference_spec.yaml"), "utf8"));
    expect(spec.dataset.classify.augmentation_config.augment).toBe(false);
    expect(spec.inference).toMatchObject({ num_gpus: 1, gpu_ids: [0] });
    expect(spec.train.classify).toEqual({ loss: "ce", cls_weight: [1, 10] });
    expect(spec.dataset.classify.infer_dataset).toEqual({
      csv_path: home.config.kpi_test_csv,
      images_dir: home.config.images_dir,
    });
    expect(spec.dataset.classify.batch_size).toBe(4);
  });

  it.each([
    ["a row is missing", { parts: kpiParts.slice(1) }, "gate.silent-drop"],
    [
      "the rows come in another order",
      { parts: [...kpiParts.slice(1), ...kpiParts.slice(0, 1)] },
      "stage.evidence-missing",
    ],
    ["a score is not a number", { scores: [...better.slice(1), "nan"] }, "metric.score-not-finite"],
    ["a score is empty", { scores: better.slice(0, 7) }, "metric.score-not-finite"],
    ["status.json never tells that it finished", { finished: false }, "stage.failed"],
  ])("is refused when %s", async (_, left, code) => {
    expect((await refusalOf(() => score({ latest: left }))).code).toBe(code);
  });

  it("is refused when the inference is that of an earlier attempt", async () => {
    const context = home.context("baseline", { baseline: trained });
    const run = () =>
      runStage(evaluate, context, async (jobs) => {
        for (const job of jobs) {
          await leaveInference(job);
          await age(join(job.workdir, "inference.csv"));
        }
      });
    expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
  });

  it("is refused when no checkpoint was recorded", async () => {
    expect((await refusalOf(() => evaluate.plan(home.context("baseline")))).code).toBe("stage.evidence-missing");
  });

  it("measures a custom metric with the contract's own artifact and picks the checkpoint by FAR", async () => {
    const contract: MetricContract = {
      name: "escape_cost",
      display_name: "Escape cost",
      operator: "<",
      target: 5,
      unit: "EUR",
      evaluator: { type: "artifact", producer: "line", path_template: home.at("results", "{iter_label}.json") },
      constraints: [],
    };
    await put(
      home.at("results", "baseline.json"),
      JSON.stringify({ name: "escape_cost", value: 3, unit: "EUR", passed: false }),
    );
    const context = home.context("baseline", { baseline: trained });
    const custom = { ...context, state: { ...context.state, metric_contract: contract } };
    const evidence = await runStage(evaluate, custom, async (jobs) => {
      for (const job of jobs) await leaveInference(job, { scores: kindOfJob(job) === "latest" ? better : worse });
    });
    expect(evidence.patch).toMatchObject({
      best_ckpt_kind: "latest",
      far_pct: 20,
      metric_result: { value: 3, passed: true },
    });
    expect(evidence.summary).toBe("Evaluate: escape_cost=3EUR target <5EUR; threshold=n/a");
  });
});
