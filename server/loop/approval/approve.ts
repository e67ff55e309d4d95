import { Refusal } from "../../errors.ts";
import { commitState, readRun, withRun } from "../../journal/journal.ts";
import type { Call } from "../../ports/call.ts";
import { dropPending, loadPending } from "../../preflight/pending.ts";
import type { Resolution } from "../../preflight/resolution.ts";
import { resolvePlan } from "../../preflight/resolve.ts";
import { findRuns } from "../../preflight/unfinished.ts";
import { isoSeconds } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { Approval, RunState } from "../../run/state.ts";
import { hasAttempts, latestAttempt } from "../running/attempts.ts";
import { nextAction } from "../transitions.ts";
import { obtainConsent } from "./consent.ts";
import { type Approvable, createRun } from "./create-run.ts";

export type ApprovedPlan = { readonly runDir: string; readonly how: Approval["how"]; readonly created: boolean };

/**
 * Turns a pending plan into a run, or into the revision of a live one, once a human said yes.
 *
 * The plan is resolved again first: what the human saw is what will run, or nothing is.
 *
 * @throws Refusal `approval.plan-unknown`, `approval.plan-changed` and those of `obtainConsent`.
 */
export async function approvePlan(planId: string, words: string | undefined, call: Call): Promise<ApprovedPlan> {
  const resolution = await resolveAgain(planId, call);
  const consent = await obtainConsent(
    {
      title: `Approve plan ${planId}`,
      message: resolution.summary_markdown,
      terminalCommand: `deft-mcp approve ${planId}`,
      preauthorised: call.deps.env.DEFT_APPROVE_PLAN === planId,
      shown: call.connection.shownPlans.has(planId),
      words,
    },
    call,
  );
  return await settleApproval(resolution, { plan_id: planId, at: isoSeconds(call.deps.clock.now()), ...consent }, call);
}

/** The same for a person at a terminal, who has just confirmed the summary there. */
export async function approveAtConsole(planId: string, call: Call): Promise<ApprovedPlan> {
  const resolution = await resolveAgain(planId, call);
  const approval: Approval = { plan_id: planId, how: "console", at: isoSeconds(call.deps.clock.now()) };
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
    return { runDir, how: approval.how, created: true };
  }
  await withRun(
    live.run_dir,
    async (run) => {
      const next = revised(run.state, resolution, approval);
      await refuseUnderWay(live.run_dir, run.state, next);
      await commitState(run, next);
    },
    call.deps,
  );
  await dropPending(approval.plan_id, call.deps);
  return { runDir: live.run_dir, how: approval.how, created: false };
}

/** A run of this very plan in which nothing happened yet: a crash right after its creation left it. */
async function untouchedRun({ workspace, plan }: Approvable, call: Call): Promise<string | undefined> {
  for (const { kind, run_dir, unfinished } of await findRuns(workspace)) {
    if (kind !== "ours" || !unfinished) continue;
    const { state, entries, integrity } = await readRun(run_dir, call.deps);
    const adopted = entries.every((entry) => entry.duration_sec === 0);
    if (integrity.ok && adopted && state.plan.plan_id === plan.plan_id && !(await hasAttempts(run_dir))) return run_dir;
  }
  return undefined;
}

/** Jobs that run were planned with the settings of before; their evidence would be held against the new ones. */
async function refuseUnderWay(runDir: string, before: RunState, next: RunState): Promise<void> {
  const settings = ({ config }: RunState) => [config.num_epochs, config.anomalygen.num_SDG].join();
  const now = nextAction(before);
  if (settings(before) === settings(next) || now.action !== "run_stage") return;
  const attempt = await latestAttempt(runDir, now.iteration, now.stage);
  if (attempt === undefined || attempt.finished !== undefined || (attempt.jobs ?? []).length === 0) return;
  const facts = { iteration: now.iteration, stage: now.stage };
  throw new Refusal("stage.already-running", "Epochs and images cannot change under a running stage.", facts);
}

/** The live run under its revised plan: settings change, inputs and what was done stay (design.md, Decisions). */
function revised(state: RunState, resolution: Approvable, approval: Approval): RunState {
  const { resolved_mining_pool_csv } = state.config;
  return {
    ...state,
    max_iterations: Number(resolution.plan.parameters.max_iterations?.value),
    config: { ...resolution.config, ...defined({ resolved_mining_pool_csv }) },
    plan: resolution.plan,
    approvals: [...state.approvals, approval],
  };
}

function isApprovable(resolution: Resolution): resolution is Approvable {
  return resolution.plan !== undefined && resolution.config !== undefined;
}
