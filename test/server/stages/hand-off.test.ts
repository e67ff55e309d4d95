import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import type { IterationState } from "../../../server/run/state.ts";
import { writeBestModel, writeIterationSummary } from "../../../server/stages/hand-off.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { put, type StageWorkspace, stageWorkspace } from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
let home: StageWorkspace;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
});

/** A complete iteration with this FAR, its checkpoint and spec on disk. */
async function complete(label: string, far_pct: number, threshold = 1e-7): Promise<IterationState> {
  const best_ckpt_path = join(home.runDir, label, "train", "model_epoch_009_step_00010.pth");
  const training_spec = join(home.runDir, label, `${label}_spec.yaml`);
  await put(best_ckpt_path, label);
  await put(training_spec, await readFile(home.config.specs_file, "utf8"));
  const metric_result = {
    name: "far_pct",
    value: far_pct,
    unit: "%",
    threshold,
    constraints: { recall_pct: 100 },
    passed: false,
  };
  return { status: "complete", best_ckpt_path, training_spec, far_pct, metric_result };
}

describe("the hand-off", () => {
  it("names the complete iteration with the lowest FAR, its exact spec and the staged backbone", async () => {
    const staged = home.at("augmentation", "backbone", "c_radio_v2_b.safetensors");
    await put(staged, "backbone");
    const state = home.state({
      baseline: await complete("baseline", 40),
      iter1: await complete("iter1", 20),
      iter2: await complete("iter2", 30),
    });
    const handOff = await writeBestModel(home.runDir, state);
    expect(handOff).toMatchObject({ outcome: "written", iteration: "iter1" });
    const record = JSON.parse(await readFile(join(home.runDir, "best_model.json"), "utf8"));
    expect(record).toMatchObject({
      checkpoint: state.iterations.iter1?.best_ckpt_path,
      threshold: 1e-7,
      far_pct: 20,
      iteration: "iter1",
      backbone: staged,
      backbone_container_path: "/data/pretrained_models/C-RADIOv2_B.pth",
      backbone_type: "c_radio_v2_vit_base_patch16_224",
      backbone_frozen: false,
      images_dir: home.config.images_dir,
      training_spec: state.iterations.iter1?.training_spec,
      engine: "test engine",
    });
    expect(record.metric_contract.name).toBe("far_pct");
  });

  it("writes an inference spec that keeps the model and loses the training", async () => {
    await writeBestModel(home.runDir, home.state({ baseline: await complete("baseline", 40) }));
    const text = await readFile(join(home.runDir, "best_model_inference_spec.yaml"), "utf8");
    const source = parse(await readFile(home.config.specs_file, "utf8"));
    const { train_dataset, validation_dataset, ...classify } = source.dataset.classify;
    expect(parse(text)).toEqual({
      encryption_key: "tlt_encode",
      task: "classify",
      results_dir: "",
      train: { classify: { loss: "ce", cls_weight: [1, 10] } },
      model: { ...source.model, classify: { ...source.model.classify, eval_margin: 1e-7 } },
      dataset: {
        classify: {
          ...classify,
          infer_dataset: { csv_path: "", images_dir: "" },
          batch_size: 1,
          workers: 1,
          augmentation_config: { augment: false },
        },
      },
      inference: { checkpoint: "/model/best.pth", batch_size: 1, results_dir: "" },
    });
    expect(text).toContain("eval_margin: 1.0e-7");
  });

  it("passes over iterations that are not complete or lost their checkpoint", async () => {
    const lost = await complete("iter1", 10);
    await rm(lost.best_ckpt_path ?? "");
    const failed: IterationState = { ...(await complete("iter2", 5)), status: "failed" };
    const state = home.state({ baseline: await complete("baseline", 40), iter1: lost, iter2: failed });
    expect(await writeBestModel(home.runDir, state)).toMatchObject({ iteration: "baseline" });
  });

  it("is skipped with its reason when no iteration can be handed on", async () => {
    expect(await writeBestModel(home.runDir, home.state({ baseline: {} }))).toEqual({
      outcome: "skipped",
      reason: "no complete iteration has a checkpoint on disk",
    });
  });

  it("writes the same files again", async () => {
    const state = home.state({ baseline: await complete("baseline", 40) });
    await writeBestModel(home.runDir, state);
    const before = await readFile(join(home.runDir, "best_model_inference_spec.yaml"), "utf8");
    await writeBestModel(home.runDir, state);
    expect(await readFile(join(home.runDir, "best_model_inference_spec.yaml"), "utf8")).toBe(before);
  });
});

describe("the summary of an iteration", () => {
  it("tells figures, rows and a drop of the mining yield in at most 300 words", async () => {
    const drop =
      "Mining yield dropped 91% (iter1: 219 → iter2: 20) — pool near exhaustion for the current weak-sample targets.";
    const state = home.state({
      iter1: await complete("iter1", 20),
      iter2: {
        ...(await complete("iter2", 3.25)),
        anomalygen_skipped: true,
        ledger: { earlier_rows: 439, train_rows: 479, new_unique_rows: 40, mined: 20 },
        warnings: [...Array<string>(50).fill("one of very many warnings that nobody reads"), drop],
      },
    });
    const path = await writeIterationSummary(home.runDir, state, "iter2");
    const text = await readFile(path, "utf8");
    expect(path).toBe(join(home.runDir, "iter2_summary.md"));
    expect(text).toContain("- FAR: 20% → 3.25%");
    expect(text).toContain("- Generation: skipped, nothing was routed to it");
    expect(text).toContain("- Training rows: 439 → 479, 40 of them new");
    expect(text).toContain(drop);
    expect(text.split(/\s+/).length).toBeLessThanOrEqual(301);
  });
});
