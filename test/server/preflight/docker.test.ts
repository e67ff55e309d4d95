import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { ImageFacts, PlatformFacts } from "../../../server/ports/executor.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, depsIn, put, specText, standIn } from "./support/boards.ts";

const folder = temporaryFolders();

const image = (uri: string, change: Partial<ImageFacts> = {}): ImageFacts => ({
  ...{
    uri,
    source: "versions.yaml",
    id: `sha256:${uri}`,
    digest: "sha256:abc",
    architecture: "amd64",
    size_bytes: 2e10,
  },
  ...change,
});
const absent = (uri: string): ImageFacts => ({ uri, source: "versions.yaml" });

const host: PlatformFacts = {
  daemon: {
    version: "28.2.2",
    architecture: "x86_64",
    storage_driver: "overlay2",
    root_dir: "/nowhere",
    live_restore: true,
    clock_skew_sec: 0,
    nvidia: true,
    endpoint: "default",
  },
  images: { tao_pyt: image("pyt:1"), tao_ds: image("ds:1"), anomalygen: image("ag:1") },
  gpus: [{ name: "NVIDIA RTX 6000 Ada", memory_mib: 49140, used_mib: 500 }],
};

/** What preflight finds on such a host, in a workspace where everything is staged. */
async function findings(facts: PlatformFacts, env: Record<string, string> = {}, request: object = {}, dotEnv = "") {
  const root = await boardsIn(await folder());
  await put(join(root, ".env"), dotEnv);
  const backbone =
    "type: c_radio_v2_vit_base_patch16_224, pretrained_backbone_path: /data/pretrained_models/C-RADIOv2_B.pth";
  await put(
    join(root, "specs/baseline_spec.yaml"),
    specText.replace("type: c_radio_v2_vit_base_patch16_224", backbone),
  );
  await put(join(root, "augmentation/anomalygen/checkpoints/boards/iter_000000900.pt"), "x");
  await put(join(root, "augmentation/anomalygen/base_checkpoints/model.pt"), "x");
  await put(join(root, "augmentation/models/siglip-base-patch16-224/config.json"), "{}");
  await put(join(root, "augmentation/backbone/c_radio_v2_b.safetensors"), "weights");
  const executor = { ...standIn("docker"), survey: async () => facts };
  const deps = { ...depsIn(root, env), executors: { docker: async () => executor } };
  const found = await resolvePlan({ ...completeRequest, platform: "docker", ...request }, deps);
  return { ...found, root, outcomes: (id: string) => found.checks.filter((check) => check.id === id) };
}

describe("preflight for docker", () => {
  it("names every image, the GPU and the staged models, and puts them into the plan by content", async () => {
    const { plan, config, outcomes, root, summary_markdown } = await findings(host);
    expect(outcomes("images_local").map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok"]);
    expect(outcomes("gpus")[0]?.detail).toBe("NVIDIA RTX 6000 Ada 49140 MiB");
    expect(plan?.inputs.containers?.tao_pyt).toEqual({ uri: "pyt:1", id: "sha256:pyt:1", digest: "sha256:abc" });
    expect(plan?.inputs.backbone).toMatchObject({ path: join(root, "augmentation/backbone/c_radio_v2_b.safetensors") });
    expect(config).toMatchObject({ engine: "NVIDIA TAO Visual ChangeNet (pyt:1)", train_container: "pyt:1" });
    expect(config?.mining_filter.model_path).toBe(join(root, "augmentation/models/siglip-base-patch16-224"));
    expect(summary_markdown).toContain("image tao_pyt | pyt:1: sha256:abc");
  });

  it("pulls a missing image after approval, and stops an air-gapped plan for it", async () => {
    const facts = { ...host, images: { ...host.images, tao_ds: absent("ds:1") } };
    const online = await findings(facts);
    expect(online.outcomes("images_local")[1]).toMatchObject({
      outcome: "fixable",
      fix: expect.stringContaining("pull ds:1"),
    });
    expect(online.plan?.inputs.containers).toMatchObject({ tao_ds: { uri: "ds:1" }, fetch: ["ds:1"] });
    const keyed = await findings(facts, {}, {}, 'NGC_KEY="nvapi-of-the-file"\n');
    expect(keyed.outcomes("images_local")[1]?.fix).toBe("pull ds:1 with NGC_KEY");
    expect(JSON.stringify(keyed)).not.toContain("of-the-file");
    const offline = await findings(facts, { AIR_GAPPED: "1" });
    expect(offline.plan).toBeUndefined();
    expect(offline.outcomes("images_local")[1]).toMatchObject({ outcome: "halt", code: "executor.image-missing" });
  });

  it("stops where the daemon's host has another workspace at the path, or none, and says when nobody can tell", async () => {
    const remote = (state: "same" | "other" | "absent" | "unknown") =>
      findings({
        ...host,
        daemon: { ...host.daemon, endpoint: "ssh://gpu", sees: { state, detail: `gpu: ${state}` } },
      });
    for (const state of ["other", "absent"] as const) {
      const { plan, outcomes } = await remote(state);
      expect(plan).toBeUndefined();
      expect(outcomes("docker")[0]).toMatchObject({
        code: "executor.mount-missing",
        detail: expect.stringContaining(`gpu: ${state}`),
        fix: expect.stringContaining("Mount the workspace on the daemon's host"),
      });
    }
    const same = await remote("same");
    expect(same.plan).toBeDefined();
    expect(same.warnings.join()).not.toContain("ssh://gpu");
    expect((await remote("unknown")).warnings).toEqual(expect.arrayContaining(["gpu: unknown."]));
  });

  it("asks for no image that the plan does not use", async () => {
    const facts = { ...host, images: { ...host.images, anomalygen: absent("ag:1") } };
    const { plan } = await findings(facts, {}, { num_sdg: 0 });
    expect(Object.keys(plan?.inputs.containers ?? {})).toEqual(["tao_pyt", "tao_ds"]);
  });

  it("refuses an image of another architecture, and the generator on anything but amd64, even before its pull", async () => {
    const images = { ...host.images, tao_pyt: image("pyt:1", { architecture: "arm64" }) };
    expect((await findings({ ...host, images })).outcomes("images_local")[0]).toMatchObject({
      outcome: "halt",
      code: "executor.architecture",
    });
    const arm = { ...host.daemon, architecture: "aarch64" };
    const other = { ...host.images, anomalygen: absent("ag:1") };
    const found = await findings({ ...host, daemon: arm, images: other });
    expect(found.outcomes("images_local")[2]).toMatchObject({ outcome: "halt", code: "executor.architecture" });
  });

  it.each([
    ["no driver and no runtime", { gpus: undefined, nvidia: false }],
    ["a runtime and no GPU", { gpus: [], nvidia: true }],
  ])("stops with %s", async (_what, { gpus, nvidia }) => {
    const { gpus: _listed, ...rest } = host;
    const facts = { ...rest, daemon: { ...host.daemon, nvidia }, ...(gpus === undefined ? {} : { gpus }) };
    expect((await findings(facts)).outcomes("gpus")[0]).toMatchObject({
      outcome: "halt",
      code: "executor.gpu-unavailable",
    });
  });

  it("advises on epochs where a small seed set makes few steps", async () => {
    const few = await findings(host, {}, { batch_size: 2, num_epochs: 4 });
    expect(few.warnings.join()).toMatch(
      / training rows make \d+ steps in 4 epochs of batch 2: .* num_epochs \d+ or more/,
    );
    const enough = await findings(host, {}, { batch_size: 2, num_epochs: 400 });
    expect(enough.warnings.join()).not.toContain("steps in 400 epochs");
  });

  it("advises on a batch that is known not to fit, and on a GPU that is busy, and leaves it to the human", async () => {
    const gpus = [{ name: "L4", memory_mib: 23034, used_mib: 20000 }];
    const { outcomes, warnings } = await findings({ ...host, gpus }, {}, { batch_size: 16 });
    expect(outcomes("gpus")[0]?.outcome).toBe("ok");
    expect(warnings).toContain("batch_size 16 may not fit L4 (23034 MiB); 8 is known to.");
    expect(warnings).toContain("L4 is busy: 20000 of 23034 MiB are in use.");
  });

  it("stops on a daemon that is too old, and warns of a clock that differs and of restarts that end a stage", async () => {
    const old = await findings({ ...host, daemon: { ...host.daemon, version: "19.03.5" } });
    expect(old.outcomes("docker")[0]).toMatchObject({ outcome: "halt", code: "executor.unavailable" });
    const daemon = { ...host.daemon, live_restore: false, clock_skew_sec: 90, endpoint: "ssh://gpu" };
    const { warnings } = await findings({ ...host, daemon });
    expect(warnings.join("\n")).toMatch(
      /without live-restore.*\n.*differs by 90 s.*\n.*ssh:\/\/gpu must see the workspace/,
    );
  });

  it("of images that hold the embedded engine needs neither GPU nor models, and never calls them TAO", async () => {
    const engine = "deft-mcp embedded engine 0.1.0 (contract images)";
    const images = {
      tao_pyt: image("a", { engine }),
      tao_ds: image("b", { engine }),
      anomalygen: image("c", { engine }),
    };
    const { gpus: _none, ...rest } = host;
    const { config, outcomes } = await findings({ ...rest, images });
    expect(outcomes("gpus")[0]?.outcome).toBe("not_applicable");
    expect(outcomes("models")[0]?.outcome).toBe("not_applicable");
    expect(config?.engine).toBe(engine);
  });
});
