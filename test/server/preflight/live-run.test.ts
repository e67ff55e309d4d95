import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { findRevision, loadPending, savePending } from "../../../server/preflight/pending.ts";
import { planId } from "../../../server/preflight/plan-id.ts";
import { type PlanRequest, planRequestSchema } from "../../../server/preflight/request.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import type { Plan } from "../../../server/run/state.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import { boardsIn, completeRequest, csvOf, depsIn, liveRunIn, rowsOf } from "./support/boards.ts";

const folder = temporaryFolders();
const run = "run_20261120_080000";

async function withLiveRun(extra: PlanRequest = {}) {
  const root = await boardsIn(await folder());
  const deps = depsIn(root, { XDG_STATE_HOME: await folder() });
  const first = await resolvePlan({ ...completeRequest, ...extra }, deps);
  const runDir = await liveRunIn(first);
  return { root, deps, runDir, planId: first.plan?.plan_id };
}

describe("a live run", () => {
  it("is offered for resuming before a new one is planned", async () => {
    const { deps } = await withLiveRun();
    const { plan, question, unfinished_runs } = await resolvePlan(completeRequest, deps);
    expect(plan).toBeUndefined();
    expect(question?.missing).toMatchObject([{ field: "resume", choices: [run, "fresh"] }]);
    expect(unfinished_runs).toMatchObject([{ run_id: run, current_iteration: 1, last_event: { stage: "evaluate" } }]);
    const fresh = await resolvePlan({ ...completeRequest, resume: "fresh" }, deps);
    expect(fresh.plan).toBeDefined();
  });

  it("keeps its plan, and with it its approval, when it is resumed unchanged", async () => {
    const { deps, planId } = await withLiveRun();
    const resumed = await resolvePlan({ resume: run }, deps);
    expect(resumed.plan?.plan_id).toBe(planId);
    expect(resumed.changed).toEqual([]);
    expect(resumed.live?.last_entries.map((entry) => entry.stage)).toEqual(["train", "evaluate"]);
    expect(resumed.summary_markdown).toContain("its approval holds");
  });

  it("mines by the vendor's rule, under the plan that was approved, when that is from before there was a choice", async () => {
    const deps = depsIn(await boardsIn(await folder()), { XDG_STATE_HOME: await folder() });
    const first = await resolvePlan({ ...completeRequest, mining: "vendor" }, deps);
    const { plan_id: _, ...content } = first.plan as Plan;
    const { mining: __, ...parameters } = content.parameters;
    const plan: Plan = { plan_id: planId({ ...content, parameters }), ...content, parameters };
    await liveRunIn({ ...first, plan });
    const resumed = await resolvePlan({ run }, deps);
    expect(resumed.plan?.plan_id).toBe(plan.plan_id);
    expect(resumed.config?.mining_filter).toMatchObject({ top_k_per_target: 5, min_similarity: 0.9 });
    expect(resumed.config?.mining_filter).not.toHaveProperty("rule");
  });

  it("keeps every value that a person gave, in a request that can be stored", async () => {
    const given: PlanRequest = { seed: 7, num_epochs: 3, project: "boards", stage_time_limit_sec: 600, top_k: 2 };
    const { deps, planId } = await withLiveRun(given);
    const resumed = await resolvePlan({ run }, deps);
    expect(resumed.plan?.plan_id).toBe(planId);
    expect(planRequestSchema.parse(resumed.request)).toMatchObject({ ...completeRequest, ...given, run });
  });

  it("gets a revised plan that marks what changed and pends for this run alone", async () => {
    const { deps, planId, runDir } = await withLiveRun();
    const revised = await resolvePlan({ run, max_iterations: 5, num_sdg: 8 }, deps);
    expect(revised.plan?.plan_id).not.toBe(planId);
    expect(revised.changed).toEqual(["max_iterations", "num_sdg"]);
    expect(revised.summary_markdown).toContain("Max iterations **(changed)** | 5 | user |");
    expect(revised.config).toMatchObject({ anomalygen: { num_SDG: 8 } });
    await savePending(revised, deps);
    expect(await findRevision(runDir, deps)).toBe(revised.plan?.plan_id);
    const { request } = await loadPending(revised.plan?.plan_id ?? "", deps);
    expect((await resolvePlan(request, deps)).plan?.plan_id).toBe(revised.plan?.plan_id);
    await savePending(await resolvePlan({ run }, deps), deps);
    expect(await findRevision(runDir, deps)).toBe(planId);
    expect((await refusalOf(() => loadPending(revised.plan?.plan_id ?? "", deps))).code).toBe("approval.plan-unknown");
  });

  it.each([
    ["its target", { kpi_target: "FAR < 50% at recall=100%" }],
    ["its training rows", { training_csv: "kpi/testing_set.csv" }],
    ["its seed", { seed: 7 }],
    ["its pool policy", { synthetic_only: true }],
    ["its platform", { platform: "docker" }],
  ] as const)("refuses to change %s", async (_, change) => {
    const { deps } = await withLiveRun();
    expect((await refusalOf(() => resolvePlan({ run, ...change }, deps))).code).toBe("approval.unchangeable");
  });

  it("takes the same inputs named again as no change", async () => {
    const { deps, planId } = await withLiveRun();
    const again = { run: `results/${run}`, training_csv: "train/base/training_set.csv", platform: "embedded" } as const;
    expect((await resolvePlan(again, deps)).plan?.plan_id).toBe(planId);
  });

  it("stops when an approved input is no longer what it was", async () => {
    const { root, deps } = await withLiveRun();
    await writeFile(join(root, "kpi/testing_set.csv"), csvOf(rowsOf("kpi").slice(1)));
    const { plan, checks } = await resolvePlan({ resume: run }, deps);
    expect(plan).toBeUndefined();
    expect(checks.find((check) => check.id === "live_inputs")).toMatchObject({
      outcome: "halt",
      code: "approval.unchangeable",
      facts: { changed: ["kpi_csv", "images"] },
    });
  });

  it("does not mind a pool that grew, because it holds a snapshot of it", async () => {
    const { root, deps, planId } = await withLiveRun();
    await appendFile(
      join(root, "augmentation/mining_pool/mining_pool.csv"),
      "images/pool/test,images/pool/golden,PASS,pool_c0\n",
    );
    expect((await resolvePlan({ resume: run }, deps)).plan?.plan_id).toBe(planId);
  });

  it("is not found by a wrong name", async () => {
    const { deps } = await withLiveRun();
    const refusal = await refusalOf(() => resolvePlan({ run: "run_1" }, deps));
    expect(refusal.code).toBe("input.no-run");
    expect(refusal.facts.candidates).toEqual([run]);
  });

  it("cannot end before the iteration that it is in", async () => {
    const root = await boardsIn(await folder());
    const deps = depsIn(root);
    const runDir = await liveRunIn(await resolvePlan(completeRequest, deps));
    const state = JSON.parse(await readFile(join(runDir, "deft_state.json"), "utf8"));
    await writeFile(join(runDir, "deft_state.json"), JSON.stringify({ ...state, current_iteration: 2 }));
    expect((await refusalOf(() => resolvePlan({ run, max_iterations: 1 }, deps))).code).toBe("input.invalid");
  });
});
