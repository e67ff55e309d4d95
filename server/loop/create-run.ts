import { join } from "node:path";
import { layoutOf, readSpec } from "../data/spec.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { makeNewDirectory } from "../fs/copy.ts";
import type { Resolution } from "../preflight/resolution.ts";
import { isoSeconds, runStamp } from "../run/clock.ts";
import { logStageNames } from "../run/labels.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";
import type { Approval, Plan, RunConfig, RunState } from "../run/state.ts";
import { poolSource, writeResolvedPool } from "../stages/shared/mining-pool.ts";
import { resolvePool } from "../stages/shared/pool-resolver.ts";
import { type AdoptedBaseline, adoptBaseline } from "./adopt.ts";
import type { Deps } from "./call.ts";
import { commit, createState, withRun } from "./journal.ts";

/** A resolution that a human can approve: nothing required is missing. */
export type Approvable = Resolution & { readonly plan: Plan; readonly config: RunConfig };

/**
 * Creates the run directory of an approved plan: snapshot of the mining pool, adopted baseline if the plan names one,
 * and at the very end the state. A directory without a state is no run, so a crash on the way leaves none.
 */
export async function createRun(resolution: Approvable, approval: Approval, deps: Deps): Promise<string> {
  const runDir = await makeRunDirectory(workspacePaths(resolution.workspace).results, deps);
  const paths = runPaths(runDir);
  await makeDirectory(paths.inputs);
  await makeDirectory(paths.jobs);
  const config = { ...resolution.config };
  if (config.mining_pool_csv !== undefined) {
    const source = poolSource(config, layoutOf(await readSpec(config.specs_file), config.images_dir));
    await writeResolvedPool(paths.resolvedPool, source, await resolvePool(source));
    config.resolved_mining_pool_csv = paths.resolvedPool;
  }
  const state = firstState(runDir, { ...resolution, config }, approval, deps);
  const baseline = await adoptBaseline(state, resolution.plan);
  await createState(runDir, state);
  if (baseline !== undefined) await recordAdoption(runDir, baseline, deps);
  return runDir;
}

/** The adopted training is a log entry like any other, so that every program finds the baseline's train there. */
async function recordAdoption(runDir: string, baseline: AdoptedBaseline, deps: Deps): Promise<void> {
  const summary = `baseline train skipped - adopted checkpoint ${baseline.from}`;
  await withRun(runDir, async (run) => {
    const next = { ...run.state, iterations: { baseline: baseline.iteration }, pins: baseline.pins };
    await commit(run, next, { iter: "baseline", stage: "train", status: "ok", summary, duration_sec: 0 }, deps);
  });
}

async function makeRunDirectory(results: string, deps: Deps): Promise<string> {
  await makeDirectory(results);
  for (let at = deps.clock.now(); ; at = new Date(at.getTime() + 1000)) {
    const runDir = join(results, `run_${runStamp(at)}`);
    if (await makeNewDirectory(runDir)) return runDir;
  }
}

function firstState(runDir: string, resolution: Approvable, approval: Approval, deps: Deps): RunState {
  const { plan, config } = resolution;
  return {
    version: 2,
    started_at: isoSeconds(deps.clock.now()),
    status: "in_progress",
    kpi_target: String(plan.parameters.kpi_target?.value ?? ""),
    results_dir: runDir,
    max_iterations: Number(plan.parameters.max_iterations?.value),
    current_iteration: 0,
    config,
    iterations: {},
    _completed_step_values: [...logStageNames, "anomalygen_finetune"],
    _status_values: ["pending", "in_progress", "complete", "failed"],
    metric_contract: plan.metric_contract,
    plan,
    approvals: [approval],
    acknowledgements: [],
    pins: {},
  };
}
