import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { Refusal } from "../../../../server/errors.ts";
import type { HostUser } from "../../../../server/platforms/docker/argv.ts";
import {
  type JobWish,
  jobIdentity,
  jobManifest,
  literal,
  secretManifest,
} from "../../../../server/platforms/kubernetes/manifest.ts";
import { clusterOf } from "../../../../server/platforms/kubernetes/settings.ts";
import { shellJob } from "../../../../server/platforms/shell-job.ts";
import type { JobSpec } from "../../../../server/run/job.ts";
import { expand } from "../../../kubernetes/support/kubelet.ts";

const workspace = "/data/boards";
const runDir = `${workspace}/results/run_20261121_090000`;
const person: HostUser = { uid: 1000, gid: 1000, groups: [1000, 44] };
const settings = { context: "lab", namespace: "aoi", claim: "boards" };

function spec(change: Partial<JobSpec> = {}): JobSpec {
  return {
    id: "iter1-train-1-train",
    image: "tao_pyt",
    argv: ["visual_changenet", "train", "-e", `${runDir}/iter1/train.yaml`],
    mounts: [{ source: workspace, target: workspace, readonly: false }],
    env: { HF_HUB_OFFLINE: "1" },
    env_names: [],
    workdir: `${runDir}/iter1/train`,
    gpus: "all",
    shm_size: "8g",
    ipc_host: false,
    user: "host",
    log_path: `${runDir}/iter1/train/train.log`,
    ...change,
  };
}

function wish(job: JobSpec, values: Record<string, unknown> = settings, change: Partial<JobWish> = {}): JobWish {
  return {
    runDir,
    stem: `${runDir}/jobs/${job.id}`,
    record: { spec: job, created_at: "2026-11-21T09:00:00+00:00" },
    cluster: clusterOf(values, workspace),
    image: "registry.test/tao@sha256:aa",
    argv: job.argv,
    env: job.env,
    user: person,
    gpus: 1,
    ...change,
  };
}

const golden: Readonly<Record<string, JobWish>> = {
  training: wish(spec({ time_limit_sec: 3600 })),
  rehearsal: wish(
    spec({ image: "tao_ds", ipc_host: true }),
    { ...settings, program: "engine", image: "registry.test/deft", read_only_root: true },
    {
      argv: ["node", "/opt/deft/dist/deft-mcp.js", "engine", "gap_analysis"],
      gpus: 0,
      user: { uid: 0, gid: 0, groups: [] },
    },
  ),
  "root-on-a-big-volume": wish(spec({ id: "iter1-data_mining-1-target_embeddings", image: "tao_ds", user: "root" }), {
    ...settings,
    volume_path: "/data",
    gpu_resource: "nvidia.com/mig-1g.10gb",
    node_selector: "gpu=h100,zone=a",
    tolerations: "gpu:NoSchedule,team=aoi:NoExecute,spot",
    pull_secrets: "ngc,site",
    service_account: "aoi-jobs",
    runtime_class: "nvidia",
    cpu: "8",
    memory: "64Gi",
  }),
  generator: wish(
    spec({
      id: "bootstrap-base_models",
      image: "anomalygen",
      argv: ["bash", "-lc", 'exec "$ANOMALYGEN_SCRIPTS/run.sh" "$@"', "run.sh"],
      env_names: ["HF_TOKEN"],
      shm_size: "16g",
      mounts: [
        { source: workspace, target: workspace, readonly: false },
        { source: "/etc/passwd", target: "/etc/passwd", readonly: true },
        { source: `${workspace}/augmentation/base`, target: "/workspace/checkpoints", readonly: false },
      ],
    }),
  ),
};

describe("the manifest of a job", () => {
  it.each(Object.entries(golden))("is as its golden file: %s", async (name, made) => {
    const path = join(import.meta.dirname, "manifests", `${name}.json`);
    const text = JSON.stringify(jobManifest(made), null, 2).replace(
      JSON.stringify(literal(shellJob)),
      '"(shell-job.ts)"',
    );
    if (process.env.UPDATE_GOLDEN === "1") await writeFile(path, `${text}\n`);
    expect(JSON.parse(text)).toEqual(JSON.parse(await readFile(path, "utf8")));
  });

  it("hands every word to the shell as it was, whatever Kubernetes replaces", () => {
    const odd = ["$(HOME)", "$$", "$", "a$(b", "$$(DEFT_POD)", "plain", "$1"];
    const made = jobManifest(wish(spec(), settings, { argv: odd }));
    const [container] = made.spec.template.spec.containers;
    const words = (container?.command ?? []).map((word) => expand(word, { HOME: "/root", DEFT_POD: "pod-1" }));
    expect(words.slice(0, 4)).toEqual(["/bin/sh", "-c", shellJob, "deft-job"]);
    expect(words.slice(-odd.length)).toEqual(odd);
    expect(words.at(-odd.length - 1)).toBe("pod-1");
  });

  it("has one name for one record and another for every other", () => {
    const { record } = wish(spec());
    const same = jobIdentity(runDir, structuredClone(record));
    expect(jobIdentity(runDir, record)).toEqual(same);
    expect(same.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])$/);
    const later = jobIdentity(runDir, { ...record, created_at: "2026-11-21T09:00:01+00:00" });
    const elsewhere = jobIdentity(`${runDir}b`, record);
    const other = jobIdentity(runDir, { ...record, spec: spec({ argv: ["true"] }) });
    expect(new Set([same.name, later.name, elsewhere.name]).size).toBe(3);
    expect(other).toMatchObject({ name: same.name });
    expect(new Set([same.digest, later.digest, elsewhere.digest, other.digest]).size).toBe(4);
  });

  it("holds no secret; that is in an object of its own", () => {
    const generator = golden.generator as JobWish;
    const secret = secretManifest(generator, { HF_TOKEN: "hf_of_nobody" });
    expect(JSON.stringify(jobManifest(generator))).not.toContain("hf_of_nobody");
    expect(secret).toMatchObject({ kind: "Secret", immutable: true, stringData: { HF_TOKEN: "hf_of_nobody" } });
    expect(secret.metadata.name).toBe(jobManifest(generator).metadata.name);
  });

  it("refuses a path that is not on the volume", () => {
    const mounts = [{ source: "/srv/pool", target: "/srv/pool", readonly: true }];
    const made = () => jobManifest(wish(spec({ mounts })));
    expect(made).toThrow(Refusal);
    expect(made).toThrow(/is not on the volume/);
  });
});
