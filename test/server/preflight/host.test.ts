import { chmod, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { hostExecutor } from "../../../server/platforms/host/executor.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { contractVenv, goodSections, type Sections, script } from "../../support/contract-venv.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, depsIn, put, specText } from "./support/boards.ts";

const folder = temporaryFolders();
const backbone =
  "type: c_radio_v2_vit_base_patch16_224, pretrained_backbone_path: /data/pretrained_models/C-RADIOv2_B.pth";

type Broken = {
  readonly sections?: Sections;
  readonly settings?: Record<string, string | number>;
  readonly request?: object;
  readonly backbone?: boolean;
  /** What was done to the environment after it was made. */
  readonly done?: (venv: string) => Promise<unknown>;
};

/** What preflight finds of an environment, in a workspace where everything is staged. */
async function findings({ sections = goodSections, settings = {}, request = {}, done, ...more }: Broken = {}) {
  const root = await boardsIn(await folder());
  const spec = specText.replace("type: c_radio_v2_vit_base_patch16_224", backbone);
  await put(join(root, "specs/baseline_spec.yaml"), spec);
  if (more.backbone !== false) await put(join(root, "augmentation/backbone/c_radio_v2_b.safetensors"), "weights");
  const venv = await contractVenv(root, sections);
  await done?.(venv);
  const env = { PATH: process.env.PATH ?? "" };
  const executors = { host: async () => hostExecutor({ main: "main", env }) };
  const platform_settings = { venv, ...settings };
  const wish = { ...completeRequest, platform: "host" as const, platform_settings, num_sdg: 0, ...request };
  const found = await resolvePlan(wish, { ...depsIn(root, env), executors });
  const halts = found.checks.filter(({ outcome }) => outcome === "halt");
  const said = halts.map(({ code, detail, fix }) => `${code}: ${detail}\nDo: ${fix}`.replaceAll(root, "WORKSPACE"));
  return { ...found, root, venv, said };
}

const without = (...names: (keyof Sections)[]): Sections =>
  Object.fromEntries(Object.entries(goodSections).filter(([name]) => !names.includes(name as keyof Sections)));

describe("preflight for a Python environment of this host", () => {
  it("plans with what the environment holds, and keeps its settings with their sources", async () => {
    const { plan, config, said, summary_markdown, venv, checks } = await findings();
    expect(said).toEqual([]);
    expect(plan?.platform_settings).toEqual({
      venv: { value: venv, source: "user" },
      program: { value: "tao", source: "default" },
      embedding: { value: "tao", source: "found" },
      neighbors: { value: "tao", source: "found" },
    });
    expect(config).toMatchObject({
      engine: `NVIDIA TAO Visual ChangeNet 7.3.0 (${venv})`,
      platform_settings: { venv, program: "tao", embedding: "tao", neighbors: "tao" },
    });
    expect(summary_markdown).toContain(`| Setting venv of host | ${venv} | user |`);
    expect(checks.find(({ id }) => id === "spec_keys")?.detail).toBe("the keys of TAO 7.3 (installed version 7.3.0)");
    expect(checks.find(({ id }) => id === "stages")?.detail).toContain("nothing is generated (num_sdg 0)");
  });

  it("is another plan in another environment, and the same one when it is asked again", async () => {
    const one = await findings();
    const wish = { ...completeRequest, platform: "host" as const, num_sdg: 0 };
    const env = { PATH: process.env.PATH ?? "", DEFT_TAO_VENV: one.venv };
    const deps = { ...depsIn(one.root, env), executors: { host: async () => hostExecutor({ main: "main", env }) } };
    expect((await resolvePlan(wish, deps)).plan?.plan_id).toBe(one.plan?.plan_id);
    const gpus = await resolvePlan({ ...wish, platform_settings: { gpus: 0 } }, deps);
    expect(gpus.plan?.plan_id).not.toBe(one.plan?.plan_id);
  });

  it("lets the engine mine where the data services are not there, and says so", async () => {
    const packages = { ...goodSections.packages, data_services: null, neighbors: false };
    const { plan, checks } = await findings({
      sections: { ...goodSections, packages },
      done: async (venv) => {
        await rm(join(venv, "bin/embedding"));
        await rm(join(venv, "bin/tmm"));
      },
    });
    expect(plan?.platform_settings).toMatchObject({
      embedding: { value: "engine", source: "found" },
      neighbors: { value: "engine", source: "found" },
    });
    expect(checks.find(({ id }) => id === "stages")?.detail).toBe(
      "embeddings by the embedded engine, exactly and on the CPU, neighbours by the embedded engine, exactly and on the CPU; nothing is generated (num_sdg 0)",
    );
  });

  it("rehearses with the engine, without any environment, and names it so", async () => {
    const { plan, config, said } = await findings({ settings: { program: "engine" }, request: { num_sdg: 5 } });
    expect(said).toEqual([]);
    expect(config?.engine).toMatch(/^deft-mcp embedded engine .* \(a rehearsal of host\)$/);
    expect(plan?.parameters.num_gpus?.value).toBe(0);
  });

  const broken: [string, Broken, RegExp][] = [
    [
      "a folder that is not there",
      { settings: { venv: "/nowhere/tao" } },
      /^executor\.environment: .*\/nowhere\/tao is absent\nDo: Name the folder/,
    ],
    [
      "python3 without python",
      { done: (venv) => rename(join(venv, "bin/python"), join(venv, "bin/python3")) },
      /bin\/python is not there\nDo: Make .*python3 is not enough/,
    ],
    [
      "an interpreter that is none",
      { done: (venv) => script(venv, "python", "not a program") },
      /the interpreter (?:does not start|ended with).*before it said anything\nDo: Make the environment again/,
    ],
    [
      "an interpreter that may not be started",
      { done: (venv) => chmod(join(venv, "bin/python"), 0o644) },
      /does not start \(EACCES\) before it said anything\nDo: Make the environment again/,
    ],
    [
      "an environment that was moved",
      { done: (venv) => script(venv, "visual_changenet", "#!/gone/bin/python\n") },
      /names the interpreter \/gone\/bin\/python, which is not there\nDo: An environment cannot be moved/,
    ],
    [
      "no TAO in it",
      {
        sections: {
          ...without("operator"),
          packages: { ...goodSections.packages, tao: null, missing: ["nvidia_tao_pytorch"] },
        },
      },
      /holds no nvidia_tao_pytorch\nDo: .*pip install --no-deps nvidia-tao-pytorch/,
    ],
    [
      "modules that the wheel does not ask for",
      { sections: { ...goodSections, packages: { ...goodSections.packages, missing: ["hydra", "fvcore"] } } },
      /lacks the modules hydra, fvcore\nDo: /,
    ],
    [
      "a torch that cannot be imported",
      { sections: { ...without("cuda", "operator"), torch: { error: "ImportError: libcudart.so.13: cannot open" } } },
      /torch cannot be imported: ImportError: libcudart/,
    ],
    [
      "an import that brings the interpreter down",
      {
        sections: without("torch", "cuda", "operator", "end"),
        done: async (venv) => {
          await rename(join(venv, "bin/python"), join(venv, "bin/inner"));
          await script(venv, "python", `#!/bin/sh\n'${venv}/bin/inner'\nkill -SEGV $$\n`);
        },
      },
      /ended by SIGSEGV after looking at packages\nDo: Run .*faulthandler/,
    ],
    [
      "an MPI that cannot start, which Lightning would ask",
      {
        sections: { ...without("end"), mpi: {} },
        done: async (venv) => {
          await rename(join(venv, "bin/python"), join(venv, "bin/inner"));
          await script(venv, "python", `#!/bin/sh\n'${venv}/bin/inner'\necho 'MPI_INIT failed' >&2\nexit 1\n`);
        },
      },
      /ended with 1 \(MPI_INIT failed\) after looking at mpi\nDo: .*pip uninstall mpi4py, or give the server the OMPI_MCA_/,
    ],
    [
      "a torch for the CPU",
      { sections: { ...goodSections, torch: { version: "2.11.0+cpu", cuda: null } } },
      /^executor\.gpu-unavailable: torch 2\.11\.0\+cpu is built for the CPU\nDo: Install a torch/,
    ],
    [
      "no driver",
      { sections: { ...goodSections, cuda: { error: "RuntimeError: Found no NVIDIA driver" } } },
      /reaches no GPU: RuntimeError: Found no NVIDIA driver\nDo: See that nvidia-smi/,
    ],
    [
      "GPUs that the setting hides",
      { settings: { gpus: "7" }, sections: { ...goodSections, cuda: { gpus: [] } } },
      /reaches no GPU of CUDA_VISIBLE_DEVICES=7\nDo: /,
    ],
    ["fewer GPUs than planned", { request: { num_gpus: 2 } }, /and 2 are wanted\nDo: Plan with num_gpus=1\./],
    [
      "a GPU whose memory others hold",
      { sections: { ...goodSections, cuda: { gpus: [{ name: "NVIDIA L4", memory_mib: 23_034, free_mib: 900 }] } } },
      /NVIDIA L4 has 900 MiB free\nDo: End what holds the memory/,
    ],
    [
      "an operator for a newer C++ library",
      {
        sections: {
          ...goodSections,
          operator: { error: "ImportError: libstdc++.so.6: version `GLIBCXX_3.4.32' not found" },
        },
      },
      /MultiScaleDeformableAttention does not load: .*GLIBCXX_3\.4\.32.*\nDo: Put a libstdc\+\+ of GCC 13\.2/,
    ],
    [
      "no backbone",
      { backbone: false },
      /no C-RADIOv2_B\.pth in .*\nDo: Copy the backbone file to WORKSPACE\/augmentation\/backbone\/C-RADIOv2_B\.pth\./,
    ],
    [
      "a generation that no package can do",
      { request: { num_sdg: 5 } },
      /^executor\.program-missing: AnomalyGen is in no package.*\nDo: Plan with num_sdg 0/m,
    ],
    [
      "neighbours by TAO without cuML",
      {
        settings: { neighbors: "tao" },
        sections: { ...goodSections, packages: { ...goodSections.packages, neighbors: false } },
      },
      /^executor\.program-missing: .*neighbors=tao needs.*\nDo: Install it, or set neighbors=engine\./,
    ],
  ];

  it.each(broken)("stops at %s and says what to do", async (_what, set, text) => {
    const { plan, said } = await findings(set);
    expect(plan).toBeUndefined();
    expect(said.join("\n\n")).toMatch(text);
  });

  it("follows a link to the interpreter, as every environment has one", async () => {
    const { said } = await findings({
      done: async (venv) => {
        await rename(join(venv, "bin/python"), join(venv, "real"));
        await symlink(join(venv, "real"), join(venv, "bin/python"));
      },
    });
    expect(said).toEqual([]);
  });

  it("asks for the environment when none is named", async () => {
    const root = await boardsIn(await folder());
    const executors = { host: async () => hostExecutor({ main: "main", env: {} }) };
    const found = await resolvePlan({ ...completeRequest, platform: "host" }, { ...depsIn(root), executors });
    expect(found.checks.find(({ id }) => id === "platform")).toMatchObject({
      code: "executor.unavailable",
      detail: "host: no Python environment is named",
      fix: expect.stringContaining("DEFT_TAO_VENV"),
    });
  });

  it("names the setting that was meant", async () => {
    const { said } = await findings({ settings: { vnev: "/tao" } });
    expect(said[0]).toMatch(/^input\.unknown-field: Platform host has no setting "vnev"; did you mean venv\?/);
  });
});
