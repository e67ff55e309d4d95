import { describe, expect, it } from "@jest/globals";
import { type ContainerWish, containerName, runArguments } from "../../../../server/platforms/docker/argv.ts";
import { bootstrapJobs, generatorAssets } from "../../../../server/platforms/docker/bootstrap.ts";
import { probeArguments } from "../../../../server/platforms/docker/fixes.ts";
import type { JobSpec } from "../../../../server/run/job.ts";
import { refusalOf } from "../../../support/refusal.ts";

const workspace = "/data/aoi";
const runDir = `${workspace}/results/run_20261121_090000`;
const readOnly = (path: string) => ({ source: path, target: path, readonly: true });

const train: JobSpec = {
  id: "iter1-train-1-train",
  image: "tao_pyt",
  argv: ["visual_changenet", "train", "-e", `${runDir}/iter1/iter1_spec.yaml`],
  mounts: [{ source: workspace, target: workspace, readonly: false }, readOnly("/models/backbone")],
  env: { USER: "deft", HOME: "/tmp", HF_HUB_OFFLINE: "1" },
  env_names: [],
  workdir: `${runDir}/iter1/train`,
  gpus: "all",
  shm_size: "8g",
  ipc_host: false,
  user: "host",
  log_path: `${runDir}/iter1/train/train.log`,
};
const mining: JobSpec = {
  ...train,
  id: "iter1-data_mining-2-target_embeddings",
  image: "tao_ds",
  argv: ["embedding", "image_embeddings", "-e", "/data/aoi/s.yaml", "input_parquet=/data/aoi/a.parquet"],
  mounts: [{ source: workspace, target: workspace, readonly: false }],
  env: {},
  ipc_host: true,
  user: "root",
};
const generation: JobSpec = {
  ...train,
  id: "iter1-anomalygen-1-prep_testcase",
  image: "anomalygen",
  argv: ["prep_testcase.sh", "--name", "iter1", "--per-defect-counts", '{"IC+bridge": 5}'],
  mounts: [{ source: workspace, target: workspace, readonly: false }, readOnly("/etc/passwd"), readOnly("/etc/group")],
  shm_size: "16g",
};

const wish = (spec: JobSpec, change: Partial<ContainerWish> = {}): ContainerWish => ({
  runDir,
  spec,
  image: { uri: "nvcr.io/nvidia/tao/tao-toolkit:7.1.0-pyt", id: "sha256:abc" },
  network_mode: "network-enabled",
  user: { uid: 1000, gid: 1000, groups: [1000, 27, 999] },
  ...change,
});

/** Arguments in lines of one option each, as a person would write them. */
function lines(argv: readonly string[]): string {
  return argv
    .map((word, at) => (at > 0 && (word.startsWith("--") || word.startsWith("sha256:")) ? `\n${word}` : ` ${word}`))
    .join("")
    .trim();
}

describe("the arguments of a container", () => {
  it("training runs as the host user, offline, with shared memory of its own and no capability", () => {
    expect(lines(runArguments(wish(train)))).toMatchInlineSnapshot(`
"run
--detach
--pull=never
--name deft-run_20261121_090000-iter1-train-1-train-910849cf
--label deft-mcp.run=/data/aoi/results/run_20261121_090000
--label deft-mcp.iteration=iter1
--label deft-mcp.stage=train
--label deft-mcp.attempt=1
--label deft-mcp.job=iter1-train-1-train
--label deft-mcp.spec=2eb583d2113ebae7
--label deft-mcp.image=nvcr.io/nvidia/tao/tao-toolkit:7.1.0-pyt
--log-driver json-file
--log-opt max-size=20m
--log-opt max-file=5
--user 1000:1000
--group-add 27
--group-add 999
--security-opt no-new-privileges
--cap-drop ALL
--network none
--hostname deft-job
--add-host deft-job:127.0.0.1
--pids-limit 8192
--gpus all
--shm-size 8g
--mount type=bind,source=/data/aoi,target=/data/aoi,readonly
--mount type=bind,source=/data/aoi/results/run_20261121_090000,target=/data/aoi/results/run_20261121_090000
--mount type=bind,source=/models/backbone,target=/models/backbone,readonly
--env USER=deft
--env HOME=/tmp
--env HF_HUB_OFFLINE=1
--workdir /data/aoi/results/run_20261121_090000/iter1/train
sha256:abc visual_changenet train -e /data/aoi/results/run_20261121_090000/iter1/iter1_spec.yaml"
`);
  });

  it("mining runs as the image's root, with what it takes to write into the host user's directories", () => {
    expect(lines(runArguments(wish(mining)))).toMatchInlineSnapshot(`
"run
--detach
--pull=never
--name deft-run_20261121_090000-iter1-data_mining-2-target_embeddings-910849cf
--label deft-mcp.run=/data/aoi/results/run_20261121_090000
--label deft-mcp.iteration=iter1
--label deft-mcp.stage=data_mining
--label deft-mcp.attempt=2
--label deft-mcp.job=iter1-data_mining-2-target_embeddings
--label deft-mcp.spec=48b47c6b9c5ded4f
--label deft-mcp.image=nvcr.io/nvidia/tao/tao-toolkit:7.1.0-pyt
--log-driver json-file
--log-opt max-size=20m
--log-opt max-file=5
--user 0:0
--security-opt no-new-privileges
--cap-drop ALL
--cap-add DAC_OVERRIDE
--cap-add FOWNER
--cap-add CHOWN
--pids-limit 8192
--gpus all
--ipc host
--mount type=bind,source=/data/aoi,target=/data/aoi,readonly
--mount type=bind,source=/data/aoi/results/run_20261121_090000,target=/data/aoi/results/run_20261121_090000
--workdir /data/aoi/results/run_20261121_090000/iter1/train
sha256:abc embedding image_embeddings -e /data/aoi/s.yaml input_parquet=/data/aoi/a.parquet"
`);
  });

  it("a generator script is found by a shell whose text is a constant; every value is positional", () => {
    expect(lines(runArguments(wish(generation)))).toMatchInlineSnapshot(`
"run
--detach
--pull=never
--name deft-run_20261121_090000-iter1-anomalygen-1-prep_testcase-910849cf
--label deft-mcp.run=/data/aoi/results/run_20261121_090000
--label deft-mcp.iteration=iter1
--label deft-mcp.stage=anomalygen
--label deft-mcp.attempt=1
--label deft-mcp.job=iter1-anomalygen-1-prep_testcase
--label deft-mcp.spec=8e38fcc8d8199181
--label deft-mcp.image=nvcr.io/nvidia/tao/tao-toolkit:7.1.0-pyt
--log-driver json-file
--log-opt max-size=20m
--log-opt max-file=5
--user 1000:1000
--group-add 27
--group-add 999
--security-opt no-new-privileges
--cap-drop ALL
--network none
--hostname deft-job
--add-host deft-job:127.0.0.1
--pids-limit 8192
--gpus all
--shm-size 16g
--mount type=bind,source=/data/aoi,target=/data/aoi,readonly
--mount type=bind,source=/data/aoi/results/run_20261121_090000,target=/data/aoi/results/run_20261121_090000
--mount type=bind,source=/data/aoi/augmentation/anomalygen,target=/data/aoi/augmentation/anomalygen
--mount type=bind,source=/etc/passwd,target=/etc/passwd,readonly
--mount type=bind,source=/etc/group,target=/etc/group,readonly
--env USER=deft
--env HOME=/tmp
--env HF_HUB_OFFLINE=1
--workdir /workspace/paidf-anomalygen
sha256:abc bash -lc exec "$ANOMALYGEN_SCRIPTS/prep_testcase.sh" "$@" prep_testcase.sh
--name iter1
--per-defect-counts {"IC+bridge": 5}"
`);
  });

  it("the downloads of the generator alone get a network, the token by name and the cache writable", () => {
    const fetch = Object.values(generatorAssets);
    const jobs = bootstrapJobs({ runDir, workspace, project: "nvpcb", fetch });
    expect(
      jobs.map((job) =>
        lines(runArguments(wish(job)))
          .split("\n")
          .slice(11)
          .join("\n"),
      ),
    ).toMatchInlineSnapshot(`
[
  "--log-driver json-file
--log-opt max-size=20m
--log-opt max-file=5
--user 1000:1000
--group-add 27
--group-add 999
--security-opt no-new-privileges
--cap-drop ALL
--pids-limit 8192
--gpus all
--shm-size 16g
--mount type=bind,source=/data/aoi,target=/data/aoi,readonly
--mount type=bind,source=/data/aoi/results/run_20261121_090000,target=/data/aoi/results/run_20261121_090000
--mount type=bind,source=/data/aoi/augmentation/anomalygen,target=/data/aoi/augmentation/anomalygen
--mount type=bind,source=/etc/passwd,target=/etc/passwd,readonly
--mount type=bind,source=/etc/group,target=/etc/group,readonly
--mount type=bind,source=/data/aoi/augmentation/anomalygen/base_checkpoints,target=/workspace/paidf-anomalygen/checkpoints
--env HOME=/tmp
--env USER=deft
--env LOGNAME=deft
--env HF_HUB_DISABLE_XET=1
--env PYTHONPATH=/workspace/paidf-anomalygen
--env HF_TOKEN
--workdir /workspace/paidf-anomalygen
sha256:abc bash -lc exec "$ANOMALYGEN_SCRIPTS/download_checkpoints.sh" "$@" download_checkpoints.sh
--model-sizes 2B",
  "--log-driver json-file
--log-opt max-size=20m
--log-opt max-file=5
--user 1000:1000
--group-add 27
--group-add 999
--security-opt no-new-privileges
--cap-drop ALL
--pids-limit 8192
--gpus all
--shm-size 16g
--mount type=bind,source=/data/aoi,target=/data/aoi,readonly
--mount type=bind,source=/data/aoi/results/run_20261121_090000,target=/data/aoi/results/run_20261121_090000
--mount type=bind,source=/data/aoi/augmentation/anomalygen,target=/data/aoi/augmentation/anomalygen
--mount type=bind,source=/etc/passwd,target=/etc/passwd,readonly
--mount type=bind,source=/etc/group,target=/etc/group,readonly
--mount type=bind,source=/data/aoi/augmentation/anomalygen/base_checkpoints,target=/workspace/paidf-anomalygen/checkpoints
--env HOME=/tmp
--env USER=deft
--env LOGNAME=deft
--env HF_HUB_DISABLE_XET=1
--env PYTHONPATH=/workspace/paidf-anomalygen
--env HF_TOKEN
--workdir /workspace/paidf-anomalygen
sha256:abc python3 -m scripts.utilities.prepare_dataset_uc1 /data/aoi/augmentation/anomalygen/datasets/nvpcb",
  "--log-driver json-file
--log-opt max-size=20m
--log-opt max-file=5
--user 1000:1000
--group-add 27
--group-add 999
--security-opt no-new-privileges
--cap-drop ALL
--pids-limit 8192
--gpus all
--shm-size 16g
--mount type=bind,source=/data/aoi,target=/data/aoi,readonly
--mount type=bind,source=/data/aoi/results/run_20261121_090000,target=/data/aoi/results/run_20261121_090000
--mount type=bind,source=/data/aoi/augmentation/anomalygen,target=/data/aoi/augmentation/anomalygen
--mount type=bind,source=/etc/passwd,target=/etc/passwd,readonly
--mount type=bind,source=/etc/group,target=/etc/group,readonly
--mount type=bind,source=/data/aoi/augmentation/anomalygen/base_checkpoints,target=/workspace/paidf-anomalygen/checkpoints
--env HOME=/tmp
--env USER=deft
--env LOGNAME=deft
--env HF_HUB_DISABLE_XET=1
--env PYTHONPATH=/workspace/paidf-anomalygen
--env HF_TOKEN
--workdir /workspace/paidf-anomalygen
sha256:abc bash scripts/utilities/download_anomalygen_checkpoints.sh
--uc pcb
--checkpoint-dir /data/aoi/augmentation/anomalygen/checkpoints/nvpcb",
]
`);
  });

  it("the CUDA probe is removed by itself and has neither network nor mount", () => {
    expect(lines(probeArguments("sha256:abc"))).toMatchInlineSnapshot(`
"run
--rm
--pull=never
--gpus all
--security-opt no-new-privileges
--cap-drop ALL
--network none
sha256:abc python3 -c import torch; torch.zeros(1).cuda()"
`);
  });

  it("an air-gapped run has no network whatever the job says, and every offline variable", () => {
    const argv = runArguments(wish(mining, { network_mode: "airgap" }));
    expect(argv.join(" ")).toContain("--network none");
    for (const name of ["AIR_GAPPED=1", "HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "PIP_NO_INDEX=1"]) {
      expect(argv).toContain(name);
    }
  });

  it("no job is privileged, sees the daemon's socket or pulls", () => {
    for (const spec of [train, mining, generation]) {
      const argv = runArguments(wish(spec));
      expect(argv).toContain("--pull=never");
      expect(argv.join(" ")).not.toMatch(/--privileged|docker\.sock|--network host|--volume|\s-v\s/);
    }
  });

  it("a secret goes by its name alone", () => {
    const argv = runArguments(wish({ ...train, env_names: ["HF_TOKEN"] }));
    expect(argv[argv.indexOf("HF_TOKEN") - 1]).toBe("--env");
    expect(argv.some((word) => word.startsWith("HF_TOKEN="))).toBe(false);
  });

  it("two run directories of one stamp never share a container name", () => {
    const other = containerName("/other/results/run_20261121_090000", train.id);
    expect(containerName(runDir, train.id)).toMatch(/^deft-run_20261121_090000-iter1-train-1-train-[0-9a-f]{8}$/);
    expect(other).not.toBe(containerName(runDir, train.id));
  });

  it.each(["/data/my aoi", "/data/$HOME", "/data/it's", "/data/a\\b", "/data/a,b", "/data/a`b"])(
    "refuses %s before anything starts",
    async (path) => {
      const spec = { ...train, mounts: [{ source: path, target: path, readonly: false }] };
      const refusal = await refusalOf(() => runArguments(wish(spec)));
      expect(refusal.code).toBe("executor.bad-path");
      expect(refusal.facts.path).toBe(path);
    },
  );
});
