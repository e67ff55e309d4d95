import { join } from "node:path";
import { layoutOf, readSpec } from "../../data/spec.ts";
import { Refusal } from "../../errors.ts";
import { commitState, type OpenRun, readRun, withRun } from "../../journal/journal.ts";
import { judge } from "../../kpi/metric-contract.ts";
import type { Call } from "../../ports/call.ts";
import { planBrief } from "../../preflight/brief.ts";
import { dropPending, loadPending } from "../../preflight/pending.ts";
import type { Resolution } from "../../preflight/resolution.ts";
import { resolvePlan } from "../../preflight/resolve.ts";
import { findRuns } from "../../preflight/unfinished.ts";
import { isoSeconds } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { StageName } from "../../run/labels.ts";
import type { MetricContract } from "../../run/metric.ts";
import { runPaths } from "../../run/paths.ts";
import type { Approval, Plan, RunState } from "../../run/state.ts";
import { poolSource, writeResolvedPool } from "../../stages/shared/mining-pool.ts";
import { resolvePool } from "../../stages/shared/pool-resolver.ts";
import { hasAttempts, latestAttempt } from "../running/attempts.ts";
import { takePins } from "../running/pins.ts";
import { type NextAction, nextAction } from "../transitions.ts";
import { approvalTitle, obtainConsent, refuseUnsigned } from "./consent.ts";
import { type Approvable, createRun } from "./create-run.ts";

export type ApprovedPlan = {
  readonly runDir: string;
  readonly how: Approval["how"];
  readonly created: boolean;
  readonly next: NextAction;
};

/**
 * Turns a pending plan into a run, or into the revision of a live one, once a human said yes.
 *
 * The plan is resolved again first: what the human saw is what will run, or nothing is.
 *
 * @throws Refusal `approval.plan-unknown`, `approval.plan-changed` and those of `obtainConsent`.
 */
export async function approvePlan(planId: string, words: string | undefined, call: Call): Promise<ApprovedPlan> {
  return await approveResolved(await resolveAgain(planId, call), words, call);
}

/** The same for a plan that was resolved this very moment. @throws Refusal those of `obtainConsent`. */
export async function approveResolved(
  resolution: Approvable,
  words: string | undefined,
  call: Call,
): Promise<ApprovedPlan> {
  const { plan_id: planId } = resolution.plan;
  const shown = call.connection.shownPlans.has(planId);
  // Should this be refused, the refusal shows the plan: another process, or this client's last connection, planned it.
  call.connection.shownPlans.add(planId);
  const consent = await obtainConsent(
    {
      title: approvalTitle(planId),
      message: planBrief(resolution),
      terminalCommand: `deft-mcp approve ${planId}`,
      preauthorised: call.deps.env.DEFT_APPROVE_PLAN === planId,
      shown,
      ...(shown ? {} : { facts: { summary: resolution.summary_markdown } }),
      words,
      subject: planId,
      act: "start",
      settled: valuesOf(resolution.plan),
    },
    call,
  );
  return await settleApproval(resolution, { plan_id: planId, at: isoSeconds(call.deps.clock.now()), ...consent }, call);
}

function valuesOf({ parameters }: Plan): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parameters).map(([name, { value }]) => [name, value]));
}

/** The same for a person at a terminal, who has just confirmed the summary there. */
export async function approveAtConsole(planId: string, call: Call): Promise<ApprovedPlan> {
  refuseUnsigned(call.deps);
  const resolution = await resolveAgain(planId, call);
  const at = isoSeconds(call.deps.clock.now());
  const approval: Approval = { plan_id: planId, how: "console", at, terminal: true, client: call.client };
  return await settleApproval(resolution, approval, call);
}

/** What a person is about to approve. @throws Refusal `approval.plan-unknown`, `approval.plan-changed`. */
export async function resolveAgain(planId: string, call: Call): Promise<Approvable> {
  const pending = await loadPending(planId, call.deps);
  const resolution = await resolvePlan(pending.request, call.deps, call);
  const now = resolution.plan?.plan_id;
  if (!isApprovable(resolution) || now !== planId) {
    refuseUnwritable(resolution);
    const halted = resolution.checks.filter((check) => check.outcome === "halt").map((check) => check.detail);
    const facts = { plan_id: planId, now: now ?? null, halted };
    throw new Refusal("approval.plan-changed", "The inputs or settings changed since this plan was shown.", facts);
  }
  return resolution;
}

/** A workspace that takes no file right now says nothing about the plan, which stays as it was shown. */
function refuseUnwritable({ checks }: Resolution): void {
  const halted = checks.find(({ outcome, code }) => outcome === "halt" && code === "input.write-failed");
  if (halted) throw new Refusal("input.write-failed", halted.detail, halted.facts);
}

async function settleApproval(resolution: Approvable, approval: Approval, call: Call): Promise<ApprovedPlan> {
  const { live } = resolution;
  if (live === undefined) {
    const begun = await untouchedRun(resolution, call);
    const runDir = begun ?? (await createRun(resolution, approval, call.deps));
    await dropPending(approval.plan_id, call.deps);
    // Opening it keeps its head, by which every server of this user knows the run from now on.
    const next = await withRun(
      runDir,
      async (run) => {
        if (begun !== undefined) await noteApproval(run, approval);
        return nextAction(run.state);
      },
      call.deps,
    );
    return { runDir, how: approval.how, created: true, next };
  }
  const next = await withRun(
    live.run_dir,
    async (run) => {
      await refuseUnderWay(live.run_dir, run.state, resolution.changed);
      const next = await revised(run, resolution, approval);
      await commitState(run, next);
      return nextAction(next);
    },
    { ...call.deps, whole: true },
  );
  await dropPending(approval.plan_id, call.deps);
  return { runDir: live.run_dir, how: approval.how, created: false, next };
}

/** A run of this very plan in which nothing happened yet: a crash right after its creation left it. */
async function untouchedRun({ workspace, plan }: Approvable, call: Call): Promise<string | undefined> {
  for (const { kind, run_dir, unfinished } of await findRuns(workspace, call.deps.env)) {
    if (kind !== "ours" || !unfinished) continue;
    const { state, entries, integrity } = await readRun(run_dir, { ...call.deps, whole: true });
    const adopted = entries.every((entry) => entry.duration_sec === 0);
    if (integrity.ok && adopted && state.plan.plan_id === plan.plan_id && !(await hasAttempts(run_dir))) return run_dir;
  }
  return undefined;
}

/** Who else says yes to the plan of a run that is there already stands beside who said it first; the same yes stands once. */
async function noteApproval(run: OpenRun, approval: Approval): Promise<void> {
  const { approvals } = run.state;
  if (approvals.some((noted) => yesOf(noted) === yesOf(approval))) return;
  await commitState(run, { ...run.state, approvals: [...approvals, approval] });
}

function yesOf({ plan_id, how, user, signer }: Approval): string {
  return JSON.stringify([plan_id, how, user?.issuer, user?.subject, signer]);
}

/** What the evidence of a stage is held against, by its name in the plan. */
const settingsOf: Partial<Record<StageName, readonly string[]>> = {
  train: ["num_epochs"],
  anomalygen: ["num_sdg"],
  data_mining: ["top_k", "min_similarity", "rows_per_iteration", "mined_pass_pct", "mining_pool"],
};

/** A job that runs was planned with the settings of before; its evidence would be held against the new ones. */
async function refuseUnderWay(runDir: string, before: RunState, changed: readonly string[]): Promise<void> {
  const now = nextAction(before);
  if (now.action !== "run_stage") return;
  const { iteration, stage } = now;
  const held = changed.filter((name) => settingsOf[stage]?.includes(name));
  if (held.length === 0) return;
  const attempt = await latestAttempt(runDir, iteration, stage);
  if (attempt === undefined || attempt.finished !== undefined || (attempt.jobs ?? []).length === 0) return;
  const facts = { iteration, stage, settings: held };
  throw new Refusal("stage.already-running", `${held.join(", ")} cannot change under the running ${stage}.`, facts);
}

/** The live run under its revised plan: settings change, inputs and what was done stay (design.md, Decisions). */
async function revised({ runDir, state }: OpenRun, resolution: Approvable, approval: Approval): Promise<RunState> {
  const { plan } = resolution;
  const { metric_contract } = plan;
  const pool = await poolOfRevision(runDir, state, resolution);
  return {
    ...state,
    kpi_target: String(plan.parameters.kpi_target?.value ?? state.kpi_target),
    max_iterations: Number(plan.parameters.max_iterations?.value),
    config: { ...resolution.config, ...defined({ resolved_mining_pool_csv: pool.path }) },
    iterations: judgedAnew(state.iterations, metric_contract),
    metric_contract,
    pins: pool.pins,
    plan,
    approvals: [...state.approvals, approval],
  };
}

/** The snapshot that the run has, or a new one beside it where the plan read the pool again. */
async function poolOfRevision(
  runDir: string,
  { config, pins, plan: before }: RunState,
  { plan, config: next }: Approvable,
) {
  const path = config.resolved_mining_pool_csv;
  if (path === undefined || plan.inputs.mining_pool?.sha256 === before.inputs.mining_pool?.sha256)
    return { path, pins };
  const { resolved_mining_pool_csv: _snapshot, ...rest } = next;
  const source = poolSource(rest, layoutOf(await readSpec(rest.specs_file), rest.images_dir));
  const fresh = join(runPaths(runDir).inputs, `mining_pool.resolved.${plan.plan_id}.csv`);
  await writeResolvedPool(fresh, source, resolvePool(source));
  const { [path]: _old, ...others } = pins;
  return { path: fresh, pins: { ...others, ...(await takePins([fresh])) } };
}

/** Every verdict under the contract that the run now has: a harder target may no longer be met. */
function judgedAnew(iterations: RunState["iterations"], contract: MetricContract): RunState["iterations"] {
  return Object.fromEntries(
    Object.entries(iterations).map(([label, { metric_result, ...rest }]) => {
      if (metric_result === undefined) return [label, rest];
      return [label, { ...rest, metric_result: { ...metric_result, passed: judge(contract, metric_result).passed } }];
    }),
  );
}

/** Whether nothing is missing and nothing halts. */
export function isApprovable(resolution: Resolution): resolution is Approvable {
  return resolution.plan !== undefined && resolution.config !== undefined;
}
