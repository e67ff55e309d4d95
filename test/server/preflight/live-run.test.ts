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

  it("takes the default said aloud as no change", async () => {
    const { deps, planId } = await withLiveRun();
    expect((await resolvePlan({ run, kpi_confidence: "point" }, deps)).plan?.plan_id).toBe(planId);
  });

  it.each([
    ["its target", { kpi_target: "FAR < 50% at recall=100%" }],
    ["its training rows", { training_csv: "kpi/testing_set.csv" }],
    ["its seed", { seed: 7 }],
    ["what its target is held against", { kpi_confidence: "95%" }],
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

  it("reads a pool that grew when it is revised, as a change that a human approves", async () => {
    const { root, deps, planId } = await withLiveRun();
    const pool = join(root, "augmentation/mining_pool/mining_pool.csv");
    await appendFile(pool, "images/pool/test,images/pool/golden,PASS,pool_c0\n");
    const revised = await resolvePlan({ run }, deps);
    expect(revised.plan?.plan_id).not.toBe(planId);
    expect(revised.changed).toEqual(["mining_pool"]);
    expect((await resolvePlan(revised.request, deps)).plan?.plan_id).toBe(revised.plan?.plan_id);
    const resumed = await resolvePlan({ resume: run }, deps);
    expect(resumed.plan?.plan_id).toBe(planId);
    expect((await resolvePlan(resumed.request, deps)).plan?.plan_id).toBe(planId);
  });

  it.each([
    ["gives up generating", { num_sdg: 0 }],
    ["mines more per target", { top_k: 9 }],
    ["asks for a harder target", { kpi_target: "FAR < 0.1% at recall=100%" }],
  ] as const)("%s as a revision", async (_, change) => {
    const { deps, planId } = await withLiveRun();
    const { plan, changed } = await resolvePlan({ run, ...change }, deps);
    expect(plan).toBeDefined();
    expect(plan?.plan_id).not.toBe(planId);
    expect(changed).toContain(Object.keys(change)[0]);
  });

  it("that was planned without a generator may begin to generate", async () => {
    const { deps } = await withLiveRun({ num_sdg: 0 });
    const { plan } = await resolvePlan({ run, num_sdg: 4 }, deps);
    expect(plan?.inputs.generator).toMatchObject({ project: "boards" });
  });

  it("takes its own target in other words as no change", async () => {
    const { deps, planId } = await withLiveRun();
    const wording = String(completeRequest.kpi_target).replaceAll(" ", "  ").toLowerCase();
    expect((await resolvePlan({ run, kpi_target: wording }, deps)).plan?.plan_id).toBe(planId);
  });

  it("says what a time limit would mean for it", async () => {
    const { deps } = await withLiveRun();
    const { warnings } = await resolvePlan({ run, time_limit_minutes: 30 }, deps);
    expect(warnings.join()).toMatch(/A time limit changes nothing in a live run by itself.*max_iterations=/);
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
