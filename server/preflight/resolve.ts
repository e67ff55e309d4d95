import { Refusal } from "../errors.ts";
import { parseMetricTarget } from "../kpi/metric-contract.ts";
import type { Call, Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { steps } from "./checks/index.ts";
import { buildConfig, type Ready } from "./config.ts";
import { estimateOf } from "./estimate.ts";
import { halt } from "./findings.ts";
import { liveRunName, openLiveRun, requestOfLiveRun } from "./live-run.ts";
import { changedParameters, driftOf, freshPlan, livePlan } from "./plan.ts";
import type { PlanRequest } from "./request.ts";
import type { Check, LiveRun, Missing, Question, Resolution } from "./resolution.ts";
import { renderSummary } from "./summary.ts";
import type { Findings, Step, Survey } from "./survey.ts";
import { findRuns } from "./unfinished.ts";
import { resolveWorkspace } from "./workspace.ts";

/** Who waits for a plan: may cancel it and is told of each step. */
type Waiting = Partial<Pick<Call, "signal" | "progress">>;

/**
 * Resolves a request into a plan, or into everything that stands in its way: all findings at once and one question.
 * Reads only.
 *
 * @throws the reason of the signal; Refusal `input.no-workspace`, `metric.unparsable-target`, `input.no-run`, `approval.unchangeable` and other
 * refusals of the arguments themselves; what is wrong with files comes back as `halt` checks.
 */
export async function resolvePlan(given: PlanRequest, deps: Deps, waiting: Waiting = {}): Promise<Resolution> {
  const { workspace, source } = await resolveWorkspace(given.workspace, deps);
  const runs = await findRuns(workspace);
  const name = liveRunName(given);
  const live = name === undefined ? undefined : await openLiveRun(name, runs);
  const request: PlanRequest = live === undefined ? { ...given, workspace } : requestOfLiveRun(live, given);
  const contract = request.kpi_target === undefined ? undefined : parseMetricTarget(request.kpi_target);
  const { signal } = waiting;
  const ground = { request, deps, signal, workspace, contract, planned: live?.plan.parameters };
  const start: Survey = { ...ground, parameters: {}, csvs: {}, fetches: [], runs };
  const outcome = await surveyAll(start, waiting);
  const resolution: Omit<Resolution, "summary_markdown"> = {
    workspace,
    workspace_source: source,
    request,
    ...defined({ metric_contract: contract, live }),
    unfinished_runs: runs.filter((run) => run.unfinished || run.kind !== "ours"),
    ...conclude(outcome, live),
  };
  resolution.checks = [workspaceCheck(workspace, source), ...resolution.checks];
  return { ...resolution, summary_markdown: renderSummary(resolution) };
}

type Conclusion = Pick<Resolution, "checks" | "warnings" | "plan" | "config" | "estimate" | "question" | "changed">;

/** The plan, when nothing is missing and nothing halts. */
function conclude({ survey, checks: found, missing, warnings }: Outcome, live: LiveRun | undefined): Conclusion {
  const ground = readiness(survey);
  const drift = ground === undefined || live === undefined ? undefined : driftOf(ground, live);
  const checks = drift === undefined ? found : [...found, drift];
  const blocked = missing.length > 0 || checks.some((check) => check.outcome === "halt");
  const ready = blocked ? undefined : ground;
  const plan = ready && (live === undefined ? freshPlan(ready) : livePlan(ready, live));
  return {
    checks,
    warnings,
    ...defined({ estimate: estimateOf(survey) }),
    ...(ready === undefined || plan === undefined ? {} : { plan, config: buildConfig(ready) }),
    ...defined({ question: missing.length === 0 ? undefined : consolidate(missing) }),
    changed: live === undefined || plan === undefined ? [] : changedParameters(live.plan, plan),
  };
}

type Outcome = { survey: Survey; checks: Check[]; missing: Missing[]; warnings: string[] };

async function surveyAll(start: Survey, { signal, progress }: Waiting): Promise<Outcome> {
  const outcome: Outcome = { survey: start, checks: [], missing: [], warnings: [] };
  for (const step of steps) {
    signal?.throwIfAborted();
    progress?.(step.title);
    const findings = await lookAt(step, outcome.survey);
    outcome.survey = { ...outcome.survey, ...findings.found };
    const { id, title } = step;
    outcome.checks.push(...(findings.checks ?? []).map((check) => ({ id, title, ...check })));
    outcome.missing.push(...(findings.missing ?? []));
    outcome.warnings.push(...(findings.warnings ?? []));
  }
  return outcome;
}

/** A refusal of one step is its finding, so that a person sees everything that is wrong at once. */
async function lookAt(step: Step, survey: Survey): Promise<Findings> {
  try {
    return await step.look(survey);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { checks: [{ ...halt(error.code, error.message), facts: error.facts }] };
  }
}

function readiness(survey: Survey): Ready | undefined {
  const { spec, platform, executor, contract, images_dir } = survey;
  const { training_csv, validation_csv, kpi_csv } = survey.csvs;
  if (!spec || !platform || !executor || !contract || !images_dir) return undefined;
  if (!training_csv || !validation_csv || !kpi_csv) return undefined;
  const csvs = { training_csv, validation_csv, kpi_csv };
  return { ...survey, spec, platform, executor, contract, images_dir, csvs };
}

function workspaceCheck(workspace: string, source: string): Check {
  return { id: "workspace", title: "Workspace", outcome: "ok", detail: `${workspace} (${source})` };
}

function consolidate(missing: readonly Missing[]): Question {
  const text = missing.map((one, at) => `${at + 1}. ${one.ask}`).join("\n");
  return { text, missing };
}
