import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { writeGapTable } from "../../../../server/data/gap-files.ts";
import { runArguments } from "../../../../server/platforms/docker/argv.ts";
import type { StageContext } from "../../../../server/ports/stage.ts";
import type { StageName } from "../../../../server/run/labels.ts";
import { stages } from "../../../../server/stages/index.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { put, type StageWorkspace, stageWorkspace } from "../../../support/stage-workspace.ts";

const folder = temporaryFolders();
let home: StageWorkspace;
let context: StageContext;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
  const gaps = join(home.runDir, "iter1", "gaps.parquet");
  await put(join(home.runDir, "iter1", "note"), "");
  const row = { filepath: "/0.jpg", label: "bridge", siamese_score: 0, weakness: 0 };
  await writeGapTable(gaps, [row]);
  const best_val = join(home.runDir, "iter1", "train", "model_epoch_004_step_00010.pth");
  context = home.context("iter1", {
    iter1: {
      routing_anomalygen_parquet: gaps,
      routing_mining_parquet: gaps,
      combined_training_csv: home.at("c.csv"),
      candidate_ckpts: { best_val },
    },
  });
});

/** Everything of a stage's containers from the network on, one option a line, with the run's directories by name. */
async function containersOf(stage: StageName): Promise<string[]> {
  const { jobs } = await stages[stage].plan(context);
  const user = { uid: 1000, gid: 1000, groups: [1000] };
  return jobs.map((spec) => {
    const image = { uri: `image of ${spec.image}`, id: `sha256:${spec.image}` };
    const argv = runArguments({ runDir: home.runDir, spec, image, network_mode: "network-enabled", user });
    const text = argv.map((word) => (/^(?:--|sha256:)/.test(word) ? `\n${word}` : ` ${word}`)).join("");
    const [, from = ""] = text.split("\n--log-opt max-file=5\n");
    return from.replaceAll(join(home.runDir, "iter1"), "ITER").replaceAll(home.workspace, "WS");
  });
}

describe("the containers of a stage", () => {
  it.each(["routing", "data_merge", "rca"] as const)("%s has none", async (stage) => {
    expect(await containersOf(stage)).toEqual([]);
  });

  it("train", async () => {
    expect((await containersOf("train")).join("\n\n")).toMatchInlineSnapshot(`
"--user 1000:1000
--security-opt no-new-privileges
--cap-drop ALL
--network none
--hostname deft-job
--add-host deft-job:127.0.0.1
--pids-limit 8192
--gpus all
--shm-size 8g
--mount type=bind,source=WS,target=WS,readonly
--mount type=bind,source=WS/results/run_20260101_000000,target=WS/results/run_20260101_000000
--env USER=deft
--env LOGNAME=deft
--env HOME=/tmp
--env XDG_CACHE_HOME=/tmp/.cache/xdg_cache_home
--env HF_HOME=/tmp/.cache/hf_home
--env TORCH_HOME=/tmp/.cache/torch_home
--env TRITON_CACHE_DIR=/tmp/.cache/triton_cache_dir
--env TORCHINDUCTOR_CACHE_DIR=/tmp/.cache/torchinductor_cache_dir
--env MPLCONFIGDIR=/tmp/.cache/mplconfigdir
--env HF_HUB_OFFLINE=1
--env TRANSFORMERS_OFFLINE=1
--workdir ITER/train
sha256:tao_pyt visual_changenet train -e ITER/iter1_spec.yaml"
`);
  });

  it("evaluate", async () => {
    expect((await containersOf("evaluate")).join("\n\n")).toMatchInlineSnapshot(`
"--user 1000:1000
--security-opt no-new-privileges
--cap-drop ALL
--network none
--hostname deft-job
--add-host deft-job:127.0.0.1
--pids-limit 8192
--gpus all
--shm-size 8g
--mount type=bind,source=WS,target=WS,readonly
--mount type=bind,source=WS/results/run_20260101_000000,target=WS/results/run_20260101_000000
--env USER=deft
--env LOGNAME=deft
--env HOME=/tmp
--env XDG_CACHE_HOME=/tmp/.cache/xdg_cache_home
--env HF_HOME=/tmp/.cache/hf_home
--env TORCH_HOME=/tmp/.cache/torch_home
--env TRITON_CACHE_DIR=/tmp/.cache/triton_cache_dir
--env TORCHINDUCTOR_CACHE_DIR=/tmp/.cache/torchinductor_cache_dir
--env MPLCONFIGDIR=/tmp/.cache/mplconfigdir
--env HF_HUB_OFFLINE=1
--env TRANSFORMERS_OFFLINE=1
--workdir ITER/inference/best_val
sha256:tao_pyt visual_changenet inference -e ITER/inference/inference_spec.yaml inference.checkpoint=ITER/train/model_epoch_004_step_00010.pth inference.results_dir=ITER/inference/best_val"
`);
  });

  it("anomalygen", async () => {
    expect((await containersOf("anomalygen")).join("\n\n")).toMatchInlineSnapshot(`
"--user 1000:1000
--security-opt no-new-privileges
--cap-drop ALL
--network none
--hostname deft-job
--add-host deft-job:127.0.0.1
--pids-limit 8192
--gpus all
--shm-size 16g
--mount type=bind,source=WS,target=WS,readonly
--mount type=bind,source=WS/results/run_20260101_000000,target=WS/results/run_20260101_000000
--mount type=bind,source=WS/augmentation/anomalygen,target=WS/augmentation/anomalygen
--mount type=bind,source=/etc/passwd,target=/etc/passwd,readonly
--mount type=bind,source=/etc/group,target=/etc/group,readonly
--mount type=bind,source=WS/augmentation/anomalygen/base_checkpoints,target=/workspace/paidf-anomalygen/checkpoints,readonly
--env USER=deft
--env LOGNAME=deft
--env HOME=/tmp
--env HF_HUB_OFFLINE=1
--env TRANSFORMERS_OFFLINE=1
--env PYTHONPATH=/workspace/paidf-anomalygen
--workdir /workspace/paidf-anomalygen
sha256:anomalygen bash -lc exec "$ANOMALYGEN_SCRIPTS/prep_testcase.sh" "$@" prep_testcase.sh
--name iter1
--num-sdg 4
--dataset-dir WS/augmentation/anomalygen/datasets/board
--clean-dir WS/augmentation/anomalygen/datasets/board
--defect-spec WS/augmentation/anomalygen/datasets/board/defect_spec.jsonl
--amp-output-dir ITER/anomalygen/amp
--output-jsonl ITER/anomalygen/testcase.jsonl
--mode inference
--per-defect-counts {"pcb+bridge":4}
--guidance 7.0
--crop-ratio 2.0
--seed 42

--user 1000:1000
--security-opt no-new-privileges
--cap-drop ALL
--network none
--hostname deft-job
--add-host deft-job:127.0.0.1
--pids-limit 8192
--gpus all
--shm-size 16g
--mount type=bind,source=WS,target=WS,readonly
--mount type=bind,source=WS/results/run_20260101_000000,target=WS/results/run_20260101_000000
--mount type=bind,source=WS/augmentation/anomalygen,target=WS/augmentation/anomalygen
--mount type=bind,source=/etc/passwd,target=/etc/passwd,readonly
--mount type=bind,source=/etc/group,target=/etc/group,readonly
--mount type=bind,source=WS/augmentation/anomalygen/base_checkpoints,target=/workspace/paidf-anomalygen/checkpoints,readonly
--env USER=deft
--env LOGNAME=deft
--env HOME=/tmp
--env HF_HUB_OFFLINE=1
--env TRANSFORMERS_OFFLINE=1
--env PYTHONPATH=/workspace/paidf-anomalygen
--workdir /workspace/paidf-anomalygen
sha256:anomalygen bash -lc exec "$ANOMALYGEN_SCRIPTS/run_sdg.sh" "$@" run_sdg.sh
--checkpoint_dir WS/augmentation/anomalygen/checkpoints/board
--step 14000
--input_jsonl ITER/anomalygen/testcase.jsonl
--output_dir ITER/anomalygen/sdg
--model_size 2b
--num_gpus 1
--seed 0"
`);
  });

  it("data_mining", async () => {
    expect((await containersOf("data_mining")).join("\n\n")).toMatchInlineSnapshot(`
"--user 0:0
--security-opt no-new-privileges
--cap-drop ALL
--cap-add DAC_OVERRIDE
--cap-add FOWNER
--cap-add CHOWN
--pids-limit 8192
--gpus all
--ipc host
--mount type=bind,source=WS,target=WS,readonly
--mount type=bind,source=WS/results/run_20260101_000000,target=WS/results/run_20260101_000000
--workdir ITER/mining_results/2026-01-01_000000
sha256:tao_ds embedding image_embeddings -e ITER/mining_results/2026-01-01_000000/embedding_spec.yaml input_parquet=ITER/mining_results/2026-01-01_000000/targets.parquet output_parquet=ITER/mining_results/2026-01-01_000000/target_embeddings.parquet

--user 0:0
--security-opt no-new-privileges
--cap-drop ALL
--cap-add DAC_OVERRIDE
--cap-add FOWNER
--cap-add CHOWN
--pids-limit 8192
--gpus all
--ipc host
--mount type=bind,source=WS,target=WS,readonly
--mount type=bind,source=WS/results/run_20260101_000000,target=WS/results/run_20260101_000000
--workdir ITER/mining_results/2026-01-01_000000
sha256:tao_ds embedding image_embeddings -e ITER/mining_results/2026-01-01_000000/embedding_spec.yaml input_parquet=ITER/mining_results/2026-01-01_000000/source_pool.parquet output_parquet=ITER/mining_results/2026-01-01_000000/source_embeddings.parquet

--user 0:0
--security-opt no-new-privileges
--cap-drop ALL
--cap-add DAC_OVERRIDE
--cap-add FOWNER
--cap-add CHOWN
--pids-limit 8192
--gpus all
--ipc host
--mount type=bind,source=WS,target=WS,readonly
--mount type=bind,source=WS/results/run_20260101_000000,target=WS/results/run_20260101_000000
--workdir ITER/mining_results/2026-01-01_000000
sha256:tao_ds tmm nearest_neighbors -e ITER/mining_results/2026-01-01_000000/mining_spec.yaml source_parquet=ITER/mining_results/2026-01-01_000000/source_embeddings.parquet target_parquet=ITER/mining_results/2026-01-01_000000/target_embeddings.parquet output_parquet=ITER/mining_results/2026-01-01_000000/mined_raw.parquet"
`);
  });
});
