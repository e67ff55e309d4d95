import { describe, expect, it } from "@jest/globals";
import { batchArguments, resourceOptions } from "../../../../server/platforms/slurm/argv.ts";
import { commandLine } from "../../../../server/platforms/slurm/cli.ts";
import { programArguments } from "../../../../server/platforms/slurm/program.ts";
import { minutesOf, type SlurmSettings, slurmSettingsSchema } from "../../../../server/platforms/slurm/settings.ts";
import type { JobSpec } from "../../../../server/run/job.ts";

const settings = (more: Partial<SlurmSettings> = {}) => slurmSettingsSchema.parse(more);

const spec: JobSpec = {
  id: "baseline-train-1-train",
  image: "tao_pyt",
  argv: ["visual_changenet", "train", "-e", "/w/spec.yaml"],
  mounts: [
    { source: "/w", target: "/w", readonly: false },
    { source: "/data", target: "/data", readonly: true },
  ],
  env: { HF_HUB_OFFLINE: "1" },
  env_names: [],
  workdir: "/w/results/run/baseline/train",
  gpus: "all",
  ipc_host: false,
  user: "root",
  log_path: "/w/results/run/baseline/train/train.log",
};
const stem = "/w/results/100% run/jobs/baseline-train-1-train";
const here = { main: "/opt/deft/dist/deft-mcp.js", airgapped: false };

describe("the arguments of sbatch", () => {
  it("are those of one job that is never requeued and takes no variable along", () => {
    const wish = { name: "deft-x", stem, script: "/j.sh", directory: "/w/jobs", spec, gpus: 2, argv: ["true"] };
    expect(batchArguments({ ...wish, settings: settings({ partition: "gpu", account: "lab" }) })).toEqual([
      ...["--parsable", "--no-requeue", "--export=NONE", "--open-mode=append", "--job-name=deft-x", "--chdir=/w/jobs"],
      "--output=/dev/null",
      ...["--partition=gpu", "--account=lab", "--time=1-00:00:00", "--gres=gpu:2", "/j.sh"],
      ...[stem, spec.workdir, spec.log_path, "0", "", "true"],
    ]);
  });

  it.each([
    [{}, { gpus: 0 }, ["--time=1-00:00:00"]],
    [{}, { gpus: 4 }, ["--time=1-00:00:00", "--gres=gpu:4"]],
    [{ gres: "gpu:h100:1" }, { gpus: 1 }, ["--time=1-00:00:00", "--gres=gpu:h100:1"]],
    [{ gres: "gpu:1" }, { gpus: undefined }, ["--time=1-00:00:00"]],
    [{ time: "30" }, { gpus: 0, limitSec: 60 }, ["--time=11"]],
    [{ time: "5" }, { gpus: 0, limitSec: 3600 }, ["--time=5"]],
    [
      { qos: "high", cpus: 8, memory: "64G", time: "10" },
      { gpus: 0 },
      ["--qos=high", "--time=10", "--cpus-per-task=8", "--mem=64G"],
    ],
  ] as const)("%j with %j ask for %j", (given, needs, expected) => {
    expect(resourceOptions(settings(given), needs)).toEqual(expected);
  });
});

describe("the program of a job on a node", () => {
  it("is the embedded engine where the plan rehearses the cluster", () => {
    expect(programArguments(spec, settings({ program: "engine" }), here)).toEqual([
      ...["env", "HF_HUB_OFFLINE=1", process.execPath, here.main, "engine", ...spec.argv],
    ]);
  });

  it("comes from a Python environment, without what makes TAO take one node for many", () => {
    const argv = programArguments(spec, settings({ venv: "/opt/tao" }), here);
    expect(argv[0]).toBe("env");
    for (const name of ["WORLD_SIZE", "SLURM_NTASKS", "RANK"]) expect(argv[argv.indexOf(name) - 1]).toBe("-u");
    expect(argv).toContain("SLURM_JOB_NAME=bash");
    expect(argv.slice(argv.indexOf("sh"))).toEqual([
      ...["sh", "-c", 'PATH=$1/bin:$PATH; export PATH; shift; exec "$@"', "venv", "/opt/tao", ...spec.argv],
    ]);
  });

  it("comes from an image, with the mounts at their places", () => {
    const argv = programArguments(spec, settings({ container: "nvcr.io#nvidia/tao:7.3" }), {
      ...here,
      airgapped: true,
    });
    expect(argv).toContain("AIR_GAPPED=1");
    expect(argv.slice(argv.indexOf("srun"))).toEqual([
      ...["srun", "--ntasks=1", "--export=ALL", "--container-image=nvcr.io#nvidia/tao:7.3"],
      ...[
        "--container-mounts=/w:/w,/data:/data:ro",
        "--no-container-mount-home",
        `--container-workdir=${spec.workdir}`,
      ],
      ...spec.argv,
    ]);
  });

  it("comes after the modules that it needs", () => {
    const argv = programArguments(spec, settings({ modules: "cuda/12.4,tao" }), here);
    expect(argv.slice(0, 2)).toEqual(["bash", "-lc"]);
    expect(argv.slice(3, 7)).toEqual(["modules", "2", "cuda/12.4", "tao"]);
  });
});

describe("a command", () => {
  it("of this host is what it is", () => {
    expect(commandLine(undefined, ["squeue", "--name=a b"])).toEqual(["squeue", "--name=a b"]);
  });

  it("of a login node never waits for a password, and its words reach the shell there whole", () => {
    const line = commandLine("me@login", ["sbatch", "it's", "$HOME `id`", "", "-x=1"]);
    expect(line.slice(0, 3)).toEqual(["ssh", "-o", "BatchMode=yes"]);
    expect(line.slice(-3)).toEqual(["--", "me@login", "sbatch 'it'\\''s' '$HOME `id`' '' -x=1"]);
  });
});

describe("settings", () => {
  it.each([
    ["partition", "-p evil"],
    ["partition", "--uid=0"],
    ["host", "-oProxyCommand=x"],
    ["venv", "relative"],
    ["venv", "/a b"],
    ["container", "--help"],
    ["time", "soon"],
    ["gres", "gpu:1 --wrap=x"],
    ["modules", "cuda;id"],
    ["memory", "lots"],
    ["cpus", 0],
    ["prtition", "x"],
  ])("%s=%s is none", (key, value) => {
    expect(slurmSettingsSchema.safeParse({ [key]: value }).success).toBe(false);
  });

  it.each([
    ["30", 30],
    ["1:00", 1],
    ["1:30:00", 90],
    ["2-00", 2880],
    ["1-02:30", 1590],
    ["1-00:00:00", 1440],
    ["infinite", Number.POSITIVE_INFINITY],
    ["UNLIMITED", Number.POSITIVE_INFINITY],
  ])("a limit of %s is %d minutes", (text, minutes) => {
    expect(minutesOf(text)).toBe(minutes);
  });
});
