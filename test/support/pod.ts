import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ownFlowsDir } from "../../server/osmo/flow-files.ts";

export type Effect = { files?: Record<string, string>; exit?: number; print?: string };
export type PodRun = { code: number; output: string; calls: string[][] };
/** The inside of a pod below one folder: programs of an image as stand-ins, mounted files, inputs and an output. */
export type Pod = {
  root: string;
  put(path: string, text?: string): Promise<void>;
  read(path: string): Promise<string>;
  run(script: string, env: Record<string, string>, effects?: Record<string, Effect>): Promise<PodRun>;
};

const fixtures = join(import.meta.dirname, "..", "fixtures", "pod");
const kit = ["isaac-sim/kit/kit"];
const simulation = [
  "sdg/standalone/sdg_pipeline.py",
  "usd2roi/usd2roi_render.py",
  "usd2roi/usd2roi_register.py",
  "usd2roi/usd2roi_crop.py",
  "postprocess/crop_components.py",
];
const utilities = [
  "validate_dataset.py",
  "validate_checkpoint.py",
  "validate_jsonl.py",
  "prepare_dataset_uc1.py",
  "prepare_dataset_uc2.py",
  "prepare_dataset_uc3.py",
];
const shells = ["prep_testcase.sh", "run_sdg.sh", "verify_output.sh", "download_anomalygen_checkpoints.sh"];
const repo = "workspace/paidf-anomalygen";

/** Builds a pod; `shm` is what `df` says of /dev/shm. */
export async function makePod(root: string, shm = 32): Promise<Pod> {
  const put = async (path: string, text = "x") => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  const program = async (path: string, text?: string) => {
    if (text === undefined) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await copyFile(join(fixtures, "stand_in.py"), join(root, path));
    } else await put(path, text);
    await chmod(join(root, path), 0o755);
  };
  await put("usr/share/nvidia/nvoptix.bin");
  for (const path of kit) await program(path);
  for (const path of simulation) await program(`workspace/paidf-simulation/scripts/${path}`);
  for (const name of utilities) await program(`${repo}/scripts/utilities/${name}`);
  await program(`${repo}/scripts/download_checkpoints.py`);
  await program("stand_in.py");
  for (const name of shells)
    await program(`${repo}/scripts/utilities/${name}`, `exec python3 "$DIG_PREFIX/stand_in.py" "$0" "$@"\n`);
  for (const name of ["torchrun", "hf"]) await program(`bin/${name}`);
  await program("bin/df", `#!/bin/sh\nprintf 'Filesystem 1G-blocks\\nshm ${shm}\\n'\n`);
  await program("bin/uv", `#!/bin/sh\nshift 2\nexec python3 "$@"\n`);
  await program("app/modules/cli.py");
  for (const name of ["curl", "wget"]) {
    await program(`bin/${name}`, `#!/bin/sh\nfor last in "$@"; do :; done\ncp "${fixtures}/yq" "$last"\n`);
  }
  await program("bin/python", `#!/bin/sh\nexec python3 "$@"\n`);
  await mkdir(join(root, "tmp"), { recursive: true });
  return {
    root,
    put,
    read: (path) => readFile(join(root, path), "utf8"),
    run: (script, env, effects = {}) => run(root, script, env, effects),
  };
}

async function run(root: string, script: string, env: Record<string, string>, effects: Record<string, Effect>) {
  const scripts = join(await ownFlowsDir(), "scripts");
  for (const name of [
    "pod/omniverse.sh",
    "pod/anomalygen.sh",
    "pick_best_step.sh",
    "render_defect_spec.py",
    "build_batch_config.py",
  ]) {
    await symlink(join(scripts, name), join(root, "tmp", name.replace("pod/", ""))).catch(() => undefined);
  }
  const pod = {
    PATH: `${root}/bin:${process.env.PATH}`,
    DIG_PREFIX: root,
    OUTPUT_DIR: `${root}/out`,
    EFFECTS: JSON.stringify(effects),
    LC_ALL: "C.UTF-8",
  };
  return await new Promise<PodRun>((resolve) => {
    execFile("bash", [join(scripts, script)], { env: { ...pod, ...env } }, async (error, stdout, stderr) => {
      const log = await readFile(join(root, "calls.jsonl"), "utf8").catch(() => "");
      const calls = log
        .split("\n")
        .filter(Boolean)
        .map((line): string[] => JSON.parse(line));
      resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, output: stdout + stderr, calls });
    });
  });
}
