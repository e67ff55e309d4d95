import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { sha256 } from "../../../server/fs/hash.ts";
import type { PlanRequest } from "../../../server/preflight/request.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, depsIn, put } from "./support/boards.ts";

const folder = temporaryFolders();
const vendorRun = "results/run_20250101_000000";
const checkpoint = `${vendorRun}/baseline/train/model_epoch_004_step_00065.pth`;

async function adopting(state: unknown, request: Partial<PlanRequest> = { adopt_run: vendorRun }) {
  const root = await boardsIn(await folder());
  const text = JSON.stringify(state).replaceAll("WS", root);
  await put(join(root, vendorRun, "deft_state.json"), text);
  await put(join(root, checkpoint), "weights");
  const resolution = await resolvePlan({ ...completeRequest, ...request }, depsIn(root));
  return { root, ...resolution, adoption: resolution.checks.find((check) => check.id === "adoption") };
}

const trained = { stage_completed: "train", best_ckpt_path: `WS/${checkpoint}` };

describe("adopting another program's work", () => {
  it("names a version 2 run with its stages and digests in the plan", async () => {
    const { plan, root, summary_markdown } = await adopting({ version: 2, iterations: { baseline: trained } });
    expect(plan?.adopts).toMatchObject({
      kind: "vendor_v2",
      run_dir: join(root, vendorRun),
      stages: { baseline: "train" },
      checkpoints: { baseline: { path: join(root, checkpoint), sha256: sha256("weights"), size_bytes: 7 } },
    });
    expect(summary_markdown).toContain("Taken over from another program");
  });

  it("reads the baseline where older scripts put it", async () => {
    const { plan } = await adopting({ version: 2, baseline: trained });
    expect(plan?.adopts?.stages).toEqual({ baseline: "train" });
  });

  it.each([
    ["by id", vendorRun.slice("results/".length)],
    ["by path", vendorRun],
  ])("takes a version 4 run %s with what its state says", async (_, adopt_run) => {
    const state = {
      version: 4,
      kpi_target: "FAR < 3% at recall=98%",
      max_iterations: 4,
      iterations: { baseline: trained },
    };
    const { plan } = await adopting(state, { adopt_run, kpi_target: undefined, max_iterations: undefined });
    expect(plan?.adopts).toMatchObject({ kind: "vendor_v4" });
    expect(plan?.metric_contract.target).toBe(3);
    expect(plan?.parameters.max_iterations?.value).toBe(4);
  });

  it("takes a version 2 run that recorded no stage by the checkpoint that lies there", async () => {
    const { plan, root } = await adopting({ version: 2, iterations: { baseline: { status: "in_progress" } } });
    expect(plan?.adopts).toMatchObject({
      stages: { baseline: "train" },
      checkpoints: { baseline: { path: join(root, checkpoint) } },
    });
  });

  it("goes on from the last trained iteration of another program and from the best of ours, with its rows", async () => {
    const combined = `${vendorRun}/iter1/dataset/train_combined_iter1.csv`;
    const state = {
      version: 2,
      iterations: {
        baseline: { ...trained, far_pct: 1 },
        iter1: { ...trained, far_pct: 5, combined_training_csv: `WS/${combined}` },
      },
    };
    const withRows = async (extra: object) => {
      const root = await boardsIn(await folder());
      await put(
        join(root, vendorRun, "deft_state.json"),
        JSON.stringify({ ...state, ...extra }).replaceAll("WS", root),
      );
      await put(join(root, checkpoint), "weights");
      await put(join(root, combined), "input_path\n");
      return (await resolvePlan({ ...completeRequest, adopt_run: vendorRun }, depsIn(root))).plan?.adopts;
    };
    expect(await withRows({})).toMatchObject({
      checkpoints: { iter1: {} },
      training_rows: { sha256: sha256("input_path\n") },
    });
    const own = await withRows({ plan: { plan_id: "x" }, completed_at: "2026-01-01T00:00:00Z" });
    expect(own).toMatchObject({ kind: "own", checkpoints: { baseline: {} } });
    expect(own).not.toHaveProperty("training_rows");
  });

  it("takes a checkpoint in place of the baseline training, and another checkpoint is another plan", async () => {
    const { plan, root } = await adopting({ version: 2 }, { baseline_ckpt: checkpoint });
    expect(plan?.adopts).toMatchObject({ kind: "baseline_ckpt", checkpoint: join(root, checkpoint) });
    await put(join(root, checkpoint), "other weights");
    const again = await resolvePlan({ ...completeRequest, baseline_ckpt: checkpoint }, depsIn(root));
    expect(again.plan?.plan_id).not.toBe(plan?.plan_id);
  });

  it.each([
    ["a version nobody knows", { version: 3, iterations: { baseline: trained } }, "state.foreign-version"],
    ["a run without a baseline", { version: 2, iterations: {} }, "stage.evidence-missing"],
    [
      "a checkpoint that is gone",
      { version: 2, iterations: { baseline: { ...trained, best_ckpt_path: "WS/x.pth" } } },
      "stage.evidence-missing",
    ],
    [
      "a checkpoint elsewhere",
      { version: 2, iterations: { baseline: { ...trained, best_ckpt_path: "/etc/passwd" } } },
      "gate.path-outside-workspace",
    ],
    ["a state that is no run", [1], "state.corrupt"],
  ])("does not take %s", async (_, state, code) => {
    const { plan, adoption } = await adopting(state);
    expect(plan).toBeUndefined();
    expect(adoption).toMatchObject({ outcome: "halt", code });
  });

  it("takes one or the other, not both", async () => {
    const { adoption } = await adopting({ version: 2 }, { adopt_run: vendorRun, baseline_ckpt: checkpoint });
    expect(adoption).toMatchObject({ outcome: "halt", code: "input.invalid" });
  });
});
