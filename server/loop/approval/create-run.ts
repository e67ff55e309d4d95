import { basename, dirname, join } from "node:path";
import { changedRows, changeNetRows, writeChangeNetRows } from "../../data/changenet.ts";
import { withKeptImages } from "../../data/kept-images.ts";
import { rulerOf } from "../../data/ruler.ts";
import { layoutOf, readSpec } from "../../data/spec.ts";
import { quoted, Refusal } from "../../errors.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { containedPath, realPathOf } from "../../fs/contained.ts";
import { makeNewDirectory } from "../../fs/copy.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { kindOf } from "../../fs/read.ts";
import { removeTree } from "../../fs/remove.ts";
import { dropHead, pruneHeads } from "../../journal/heads.ts";
import { createState, withRun } from "../../journal/journal.ts";
import { custodyOf, custodyText, keepRuler } from "../../journal/rulers.ts";
import type { Deps } from "../../ports/call.ts";
import type { Estimate } from "../../preflight/estimate.ts";
import type { Resolution } from "../../preflight/resolution.ts";
import { isoSeconds, runStamp } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { ImageLayout } from "../../run/images.ts";
import { logStageNames } from "../../run/labels.ts";
import { canonicalLabel } from "../../run/pass-labels.ts";
import { runPaths, workspacePaths } from "../../run/paths.ts";
import type { Approval, Plan, RunConfig, RunState } from "../../run/state.ts";
import { poolSource, writeResolvedPool } from "../../stages/shared/mining-pool.ts";
import { resolvePool } from "../../stages/shared/pool-resolver.ts";
import { writeImageDigests } from "../running/image-pins.ts";
import { takePins } from "../running/pins.ts";
import { type AdoptedBaseline, adoptBaseline } from "./adopt.ts";

/** A resolution that a human can approve: nothing required is missing. */
export type Approvable = Resolution & { readonly plan: Plan; readonly config: RunConfig };

/**
 * Creates the run directory of an approved plan: snapshot of the mining pool, adopted baseline if the plan names one,
 * and at the very end the state. A directory without a state is no run, so a crash on the way leaves none; where a disk
 * that is full ends it, the directory goes again.
 */
export async function createRun(resolution: Approvable, approval: Approval, deps: Deps): Promise<string> {
  const runDir = await makeRunDirectory(workspacePaths(resolution.workspace).results, deps);
  try {
    const { workspace } = resolution;
    await withKeptImages({ env: deps.env, workspace }, () => fillRun(runDir, resolution, approval, deps));
  } catch (error) {
    // What failed is what the caller hears of, even where the disk does not let the directory go.
    if ((await kindOf(runPaths(runDir).state)) === "absent") await removeTree(runDir).catch(() => undefined);
    throw error;
  }
  return runDir;
}

async function fillRun(runDir: string, resolution: Approvable, approval: Approval, deps: Deps): Promise<void> {
  const paths = runPaths(runDir);
  await makeDirectory(paths.inputs);
  await makeDirectory(paths.jobs);
  const config = { ...resolution.config, ...(await spelledCopies(paths.inputs, resolution)) };
  const layout = layoutOf(await readSpec(config.specs_file), config.images_dir);
  if (config.mining_pool_csv !== undefined) {
    const source = poolSource(config, layout);
    await writeResolvedPool(paths.resolvedPool, source, resolvePool(source));
    config.resolved_mining_pool_csv = paths.resolvedPool;
  }
  const state = firstState(runDir, { ...resolution, config }, approval, deps);
  state.ruler = await takeRuler(runDir, config, layout, deps);
  state.pins = await takePins([...inputsOf(config), await writeImageDigests(runDir, config, layout)]);
  await assertApprovedInputs(resolution.plan, state.pins);
  await createWithBaseline(runDir, state, await adoptBaseline(state, resolution.plan), deps);
}

/** Copies of the CSVs whose labels the loader would not recognise, with every label as the method spells it. */
async function spelledCopies(inputs: string, { plan, config }: Approvable): Promise<Partial<RunConfig>> {
  const copies: Partial<RunConfig> = {};
  for (const [input, key] of [
    ["training_csv", "training_csv"],
    ["validation_csv", "validation_csv"],
    ["kpi_csv", "kpi_test_csv"],
    ["holdout_csv", "holdout_csv"],
  ] as const) {
    const csv = config[key];
    if (plan.inputs[input]?.relabelled === undefined || csv === undefined) continue;
    copies[key] = join(inputs, basename(csv));
    const rows = changedRows(changeNetRows(csv), (row) => ({ ...row, label: canonicalLabel(row.label) }));
    await writeChangeNetRows(copies[key], rows);
  }
  return copies;
}

/** The KPI set as the run begins with it is kept outside the workspace, beside those of earlier runs. */
async function takeRuler(runDir: string, config: RunConfig, layout: ImageLayout, { env }: Deps) {
  const { ruler, rows } = await rulerOf(config.kpi_test_csv, layout);
  const place = { workspace: config.workspace, set: "kpi", env } as const;
  await keepRuler(place, ruler);
  const custody = await custodyOf(place, ruler, basename(runDir));
  return {
    digest: ruler.digest,
    rows,
    earlier_scorings: custody.scorings,
    earlier_runs: custody.runs,
    ...defined({ change: custodyText(custody) }),
  };
}

/**
 * Proves that a run begins with the very files that its plan was made of: somebody may have changed one while the human
 * read the summary. From here on the pins watch them.
 *
 * @throws Refusal `approval.plan-changed` naming the inputs.
 */
async function assertApprovedInputs(plan: Plan, pins: Readonly<Record<string, string>>): Promise<void> {
  const changed: string[] = [];
  for (const [name, { path, sha256 }] of Object.entries(plan.inputs)) {
    if (typeof path !== "string" || typeof sha256 !== "string" || (await kindOf(path)) === "directory") continue;
    const now = pins[path] ?? (await sha256OfFile(path));
    if (now !== sha256) changed.push(name);
  }
  if (changed.length === 0) return;
  const facts = { plan_id: plan.plan_id, changed };
  throw new Refusal("approval.plan-changed", "Inputs changed while the plan was being approved.", facts);
}

/** Files that decide what is trained on and measured by: a change after the approval is seen at the next stage. */
function inputsOf(config: RunConfig): string[] {
  const { specs_file, training_csv, validation_csv, kpi_test_csv, holdout_csv } = config;
  const { resolved_mining_pool_csv, anomalygen } = config;
  const generator = anomalygen.num_SDG > 0 && anomalygen.defect_spec !== "" ? [anomalygen.defect_spec] : [];
  const pool = resolved_mining_pool_csv === undefined ? [] : [resolved_mining_pool_csv];
  const holdout = holdout_csv === undefined ? [] : [holdout_csv];
  const { model_path } = config.mining_filter;
  const vectors = model_path?.endsWith(".parquet") ? [model_path] : [];
  return [specs_file, training_csv, validation_csv, kpi_test_csv, ...holdout, ...pool, ...vectors, ...generator];
}

/**
 * An adopted training is a log entry like any other, so that every program finds the baseline's train there; it comes
 * with the first write, so that no crash leaves a run that would train it again.
 */
async function createWithBaseline(
  runDir: string,
  state: RunState,
  baseline: AdoptedBaseline | undefined,
  deps: Deps,
): Promise<void> {
  if (baseline === undefined) return await createState(runDir, state);
  const summary = `baseline train skipped - adopted checkpoint ${quoted(baseline.from, 300)}`;
  const next = { ...state, iterations: { baseline: baseline.iteration }, pins: { ...state.pins, ...baseline.pins } };
  const entry = { iter: "baseline", stage: "train", status: "ok", summary, duration_sec: 0 } as const;
  await createState(runDir, next, entry, deps);
  await withRun(runDir, async () => undefined, deps);
}

async function makeRunDirectory(results: string, deps: Deps): Promise<string> {
  await makeDirectory(results);
  // A link would lead every output of the run elsewhere.
  const real = join(await realPathOf(dirname(results)), basename(results));
  await containedPath([real], results, "results", { rootsAreReal: true });
  for (let at = deps.clock.now(); ; at = new Date(at.getTime() + 1000)) {
    const runDir = join(results, `run_${runStamp(at)}`);
    if (!(await makeNewDirectory(runDir))) continue;
    await dropHead(runDir, deps.env);
    await pruneHeads(deps.env, deps.clock.now());
    return runDir;
  }
}

/** What newer programs of the method read before they touch a run: whether it may fetch anything. */
function executionPolicy({ parameters }: Plan, { env }: Deps) {
  const network_mode = parameters.network_mode?.value ?? (env.AIR_GAPPED === "1" ? "airgap" : "network-enabled");
  const may = network_mode !== "airgap";
  return {
    network_mode,
    activation_source: may ? "default" : env.AIR_GAPPED === "1" ? "environment:AIR_GAPPED" : "plan:network_mode",
    allow_package_install: may,
    allow_remote_fetch: may,
    allow_container_pull: may,
    allow_registry_login: may,
    hf_offline: !may,
  };
}

function firstState(runDir: string, resolution: Approvable, approval: Approval, deps: Deps): RunState {
  const { plan, config, twins } = resolution;
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
    execution_policy: executionPolicy(plan, deps),
    metric_contract: plan.metric_contract,
    plan,
    approvals: [approval],
    acknowledgements: [],
    pins: {},
    ...(twins === undefined || twins.pairs.length === 0 ? {} : { twins: [...twins.pairs] }),
    ...(twins === undefined || twins.left_out === 0 ? {} : { twins_left_out: twins.left_out }),
    ...defined({ estimate: resolution.estimate && estimateKept(resolution.estimate) }),
  };
}

function estimateKept({ model, range, basis }: Estimate): NonNullable<RunState["estimate"]> {
  return { model, range: { baseline: [...range.baseline], iteration: [...range.iteration] }, basis };
}
