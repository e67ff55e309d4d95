import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { writeGapTable } from "../../../server/data/gap-files.ts";
import type { StageContext } from "../../../server/ports/stage.ts";
import { type JobSpec, jobSpecSchema } from "../../../server/run/job.ts";
import type { StageName } from "../../../server/run/labels.ts";
import { stages } from "../../../server/stages/index.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { put, type StageWorkspace, stageWorkspace } from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
let home: StageWorkspace;
let context: StageContext;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
  const gaps = join(home.runDir, "iter1", "gaps.parquet");
  await put(join(home.runDir, "iter1", "note"), "");
  const labels = ["PASS", "bridge", "missing", "missing", "missing"];
  await writeGapTable(
    gaps,
    labels.map((label, at) => ({ filepath: `/${at}.jpg`, label, siamese_score: 0, weakness: 0 })),
  );
  const train = join(home.runDir, "iter1", "train");
  context = home.context("iter1", {
    iter1: {
      routing_anomalygen_parquet: gaps,
      routing_mining_parquet: gaps,
      combined_training_csv: home.at("c.csv"),
      candidate_ckpts: {
        best_val: join(train, "model_epoch_004_step_00010.pth"),
        latest: join(train, "model_epoch_009_step_00020.pth"),
      },
    },
  });
});

/** The jobs of a stage with the workspace spelled `WS` and the iteration's directory `ITER`. */
async function jobsOf(stage: StageName): Promise<JobSpec[]> {
  const { jobs } = await stages[stage].plan(context);
  const text = JSON.stringify(jobs).replaceAll(join(home.runDir, "iter1"), "ITER").replaceAll(home.workspace, "WS");
  return JSON.parse(text) as JobSpec[];
}

const argvOf = async (stage: StageName) => (await jobsOf(stage)).map(({ argv }) => argv.join(" "));

describe("the plan of a stage", () => {
  it("gives the same jobs for the same context, each a valid job", async () => {
    for (const stage of Object.values(stages)) {
      const plan = await stage.plan({
        ...context,
        state: { ...context.state, iterations: { ...context.state.iterations, baseline: {} } },
      });
      expect(await stage.plan(context)).toEqual(plan);
      for (const job of plan.jobs) expect(jobSpecSchema.parse(job)).toEqual(job);
    }
  });

  it("starts no program for what the server computes itself", async () => {
    for (const stage of ["routing", "data_merge", "rca"] as const) expect(await jobsOf(stage)).toEqual([]);
  });

  it("trains with the derived spec alone", async () => {
    expect(await argvOf("train")).toEqual(["visual_changenet train -e ITER/iter1_spec.yaml"]);
  });

  it("infers once a checkpoint, with explicit paths", async () => {
    expect(await argvOf("evaluate")).toEqual([
      "visual_changenet inference -e ITER/inference/inference_spec.yaml inference.checkpoint=ITER/train/model_epoch_004_step_00010.pth inference.results_dir=ITER/inference/best_val",
      "visual_changenet inference -e ITER/inference/inference_spec.yaml inference.checkpoint=ITER/train/model_epoch_009_step_00020.pth inference.results_dir=ITER/inference/latest",
    ]);
  });

  it("places masks by the routed labels, then synthesises", async () => {
    const data = "WS/augmentation/anomalygen/datasets/board";
    expect(await argvOf("anomalygen")).toEqual([
      `prep_testcase.sh --name iter1 --num-sdg 4 --dataset-dir ${data} --clean-dir ${data} --defect-spec ${data}/defect_spec.jsonl --amp-output-dir ITER/anomalygen/amp --output-jsonl ITER/anomalygen/testcase.jsonl --mode inference --per-defect-counts {"pcb+bridge":1,"pcb+missing":3} --guidance 7.0 --crop-ratio 2.0 --seed 42`,
      "run_sdg.sh --checkpoint_dir WS/augmentation/anomalygen/checkpoints/board --step 14000 --input_jsonl ITER/anomalygen/testcase.jsonl --output_dir ITER/anomalygen/sdg --model_size 2b --num_gpus 1 --seed 0",
    ]);
  });

  it("embeds targets and pool with one encoder, then looks for neighbours", async () => {
    const dir = "ITER/mining_results/2026-01-01_000000";
    expect(await argvOf("data_mining")).toEqual([
      `embedding image_embeddings -e ${dir}/embedding_spec.yaml input_parquet=${dir}/targets.parquet output_parquet=${dir}/target_embeddings.parquet`,
      `embedding image_embeddings -e ${dir}/embedding_spec.yaml input_parquet=${dir}/source_pool.parquet output_parquet=${dir}/source_embeddings.parquet`,
      `tmm nearest_neighbors -e ${dir}/mining_spec.yaml source_parquet=${dir}/source_embeddings.parquet target_parquet=${dir}/target_embeddings.parquet output_parquet=${dir}/mined_raw.parquet`,
    ]);
  });

  it("runs each image under its own user, memory and mount rules", async () => {
    const [train] = await jobsOf("train");
    const [placement] = await jobsOf("anomalygen");
    const [embedding] = await jobsOf("data_mining");
    const workspace = { source: "WS", target: "WS", readonly: false };
    expect(train).toMatchObject({
      id: "iter1-train-1-train",
      image: "tao_pyt",
      mounts: [workspace],
      user: "host",
      shm_size: "8g",
      ipc_host: false,
      env: { USER: "deft", LOGNAME: "deft", HOME: "/tmp", HF_HUB_OFFLINE: "1" },
      env_names: [],
    });
    expect(placement).toMatchObject({ image: "anomalygen", user: "host", shm_size: "16g", ipc_host: false });
    expect(placement?.mounts).toEqual([
      workspace,
      { source: "/etc/passwd", target: "/etc/passwd", readonly: true },
      { source: "/etc/group", target: "/etc/group", readonly: true },
      {
        source: "WS/augmentation/anomalygen/base_checkpoints",
        target: "/workspace/paidf-anomalygen/checkpoints",
        readonly: true,
      },
    ]);
    expect(embedding).toMatchObject({ image: "tao_ds", user: "root", ipc_host: true, env: {}, mounts: [workspace] });
    expect(embedding).not.toHaveProperty("shm_size");
  });

  it("mounts what lies outside the workspace read-only at its own path", async () => {
    home.config.images_dir = "/srv/images";
    home.config.mining_filter.model_path = "/srv/siglip";
    const [embedding] = await jobsOf("data_mining");
    expect(embedding?.mounts.slice(1)).toEqual([
      { source: "/srv/images", target: "/srv/images", readonly: true },
      { source: "/srv/siglip", target: "/srv/siglip", readonly: true },
    ]);
    expect(embedding?.env).toEqual({ HF_HUB_OFFLINE: "1", TRANSFORMERS_OFFLINE: "1" });
  });

  it("gives a time limit to every job of a run that has one", async () => {
    home.config.stage_time_limit_sec = 60;
    expect((await jobsOf("anomalygen")).map(({ time_limit_sec }) => time_limit_sec)).toEqual([60, 60]);
  });
});
