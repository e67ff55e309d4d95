import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { Executor } from "../../../server/ports/executor.ts";
import type { PlanRequest } from "../../../server/preflight/request.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, depsIn, put, specText, standIn } from "./support/boards.ts";

const folder = temporaryFolders();
const checkpoint = "augmentation/anomalygen/checkpoints/boards";

async function onDocker(
  env: Record<string, string>,
  prepare: (root: string) => Promise<unknown> = async () => undefined,
  more: PlanRequest = {},
  executor: Executor = standIn("docker"),
) {
  const root = await boardsIn(await folder());
  const backbone =
    "type: c_radio_v2_vit_base_patch16_224, pretrained_backbone_path: /data/pretrained_models/x.safetensors";
  await put(
    join(root, "specs/baseline_spec.yaml"),
    specText.replace("type: c_radio_v2_vit_base_patch16_224", backbone),
  );
  await prepare(root);
  const deps = { ...depsIn(root, env), executors: { docker: async () => executor } };
  const resolution = await resolvePlan({ ...completeRequest, ...more, platform: "docker" }, deps);
  const outcome = (id: string) => resolution.checks.find((check) => check.id === id);
  return { ...resolution, outcome };
}

describe("generator assets in containers", () => {
  it("that are staged need no network and no credential", async () => {
    const { plan, outcome, config } = await onDocker({}, (root) =>
      put(join(root, checkpoint, "checkpoints/latest_checkpoint.txt"), "iter_000014000.pt\n"),
    );
    expect(plan?.inputs.generator).toMatchObject({ project: "boards", step: 14000 });
    expect(plan?.inputs.generator?.fetch).toBeUndefined();
    expect(outcome("credentials")?.outcome).toBe("not_applicable");
    expect(config?.anomalygen).toMatchObject({ step: 14000, checkpoint_dir: expect.stringContaining(checkpoint) });
  });

  it("are found in the flat form in which they are published", async () => {
    const { plan } = await onDocker({}, (root) => put(join(root, checkpoint, "iter_000000900.pt"), "x"));
    expect(plan?.inputs.generator?.step).toBe(900);
  });

  it("that are missing are fetched after approval, and the plan holds the intent", async () => {
    const { plan, outcome, summary_markdown } = await onDocker({ HF_TOKEN: "hf_secret" });
    expect(outcome("generator_assets")).toMatchObject({ outcome: "fixable", fix: expect.stringContaining("hf://") });
    expect(outcome("credentials")).toMatchObject({ outcome: "ok", detail: "HF_TOKEN is set" });
    expect(plan?.inputs.generator?.fetch).toEqual(["hf://nvidia/Cosmos-AnomalyGen-PCB-2B"]);
    expect(summary_markdown).toContain("Done first, after approval");
    expect(summary_markdown).not.toContain("hf_secret");
  });

  it("name the credential that is missing for them", async () => {
    const { plan, outcome } = await onDocker({});
    expect(plan).toBeUndefined();
    expect(outcome("credentials")).toMatchObject({ outcome: "halt", detail: expect.stringContaining("HF_TOKEN") });
  });

  it.each([
    ["HF_TOKEN=hf_of_the_file", "ok"],
    ["export HF_TOKEN='hf_of_the_file'  # ours", "ok"],
    ["# HF_TOKEN=hf_of_the_file", "halt"],
    ["MY_HF_TOKEN=hf_of_the_file\nHF_TOKEN=", "halt"],
  ])("may have their credential in the workspace's .env: %s", async (line, outcome) => {
    const found = await onDocker({}, (root) => put(join(root, ".env"), `${line}\n`));
    expect(found.outcome("credentials")?.outcome).toBe(outcome);
    expect(JSON.stringify(found)).not.toContain("of_the_file");
  });

  it("stop an air-gapped plan, whatever credential there is", async () => {
    const { plan, outcome } = await onDocker({ AIR_GAPPED: "1", HF_TOKEN: "x" });
    expect(plan).toBeUndefined();
    expect(outcome("network_mode")?.detail).toBe("airgap (AIR_GAPPED=1)");
    expect(outcome("generator_assets")).toMatchObject({ outcome: "halt", code: "network.forbidden" });
  });

  it("stop a plan that is asked to be air-gapped, and the server's own air gap cannot be lifted", async () => {
    const { plan, outcome } = await onDocker({ HF_TOKEN: "x" }, undefined, { network_mode: "airgap" });
    expect(plan).toBeUndefined();
    expect(outcome("network_mode")?.detail).toBe("airgap (asked for)");
    expect(outcome("generator_assets")).toMatchObject({ outcome: "halt", code: "network.forbidden" });
    const lifted = await onDocker({ AIR_GAPPED: "1", HF_TOKEN: "x" }, undefined, { network_mode: "network-enabled" });
    expect(lifted.outcome("network_mode")).toMatchObject({ outcome: "halt", code: "network.forbidden" });
  });

  it("trains nowhere else when it is air-gapped", async () => {
    const executor = { ...standIn("docker"), trains_on: "OSMO pool gpu (platform default), files below s3://b/deft" };
    const { outcome } = await onDocker({}, undefined, { network_mode: "airgap" }, executor);
    expect(outcome("network_mode")).toMatchObject({
      outcome: "halt",
      detail: expect.stringContaining("OSMO pool gpu"),
    });
  });

  it("can be fetched whole when there is no data set at all", async () => {
    const { plan, outcome } = await onDocker({ HF_TOKEN: "x" }, (root) =>
      rm(join(root, "augmentation/anomalygen"), { recursive: true }),
    );
    expect(outcome("generator_assets")?.outcome).toBe("fixable");
    expect(plan?.inputs.generator?.fetch).toHaveLength(2);
  });
});

describe("a run without generation", () => {
  it("needs no generator data", async () => {
    const root = await boardsIn(await folder());
    await rm(join(root, "augmentation/anomalygen"), { recursive: true });
    const { plan, config } = await resolvePlan({ ...completeRequest, num_sdg: 0 }, depsIn(root));
    expect(plan).toBeDefined();
    expect(config?.anomalygen.supported_labels).toEqual([]);
  });
});
