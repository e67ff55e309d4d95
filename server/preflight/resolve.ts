import { withHeadway } from "../data/headway.ts";
import { withKeptImages } from "../data/kept-images.ts";
import { Refusal } from "../errors.ts";
import { readPaces } from "../journal/pace.ts";
import type { Call, Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { isPatienceOver } from "../run/patience.ts";
import type { Plan } from "../run/state.ts";
import { adoptedDir, readAdoptedRun } from "./adopted-run.ts";
import { steps } from "./checks/index.ts";
import { buildConfig, type Ready } from "./config.ts";
import { contractOf } from "./contract.ts";
import { estimateOf } from "./estimate.ts";
import { halt } from "./findings.ts";
import { headwayOf } from "./headway.ts";
import { workspaceOfRun } from "./known-runs.ts";
import { liveRunName, openLiveRun, requestOfLiveRun } from "./live-run.ts";
import { changedParameters, driftOf, freshPlan, livePlan } from "./plan.ts";
import type { PlanRequest } from "./request.ts";
import type { Check, LiveRun, Missing, Question, Resolution } from "./resolution.ts";
import { renderSummary } from "./summary.ts";
import type { Findings, Step, Survey } from "./survey.ts";
import { findRuns } from "./unfinished.ts";
import { refuseBareFolder, resolveWorkspace } from "./workspace.ts";

/** Who waits for a plan: may cancel it and is told of each step. */
type Waiting = Partial<Pick<Call, "signal" | "progress">>;

/**
 * Resolves a request into a plan, or into everything that stands in its way: all findings at once and one question.
 * Reads only.
 *
 * @throws the reason of the signal; Refusal `input.no-workspace`, `input.bare-folder`, `metric.unparsable-target`, `input.no-run`, `approval.unchangeable` and other
 * refusals of the arguments themselves; what is wrong with files comes back as `halt` checks.
 */
export async function resolvePlan(given: PlanRequest, deps: Deps, waiting: Waiting = {}): Promise<Resolution> {
  const { workspace, source } = await resolveWorkspace(await placeOf(given, deps), deps);
  await refuseBareFolder(workspace);
  const runs = await findRuns(workspace, deps.env);
  const name = liveRunName(given);
  const live = name === undefined ? undefined : await openLiveRun(name, runs, given.run !== undefined);
  const request = live === undefined ? await withAdopted({ ...given, workspace }) : requestOfLiveRun(live, given);
  const contract = await contractOf(request, workspace);
  const { signal } = waiting;
  const ground = { request, deps, signal, workspace, contract, planned: live?.plan.parameters };
  const start: Survey = { ...ground, parameters: {}, csvs: {}, fetches: [], runs, paces: await readPaces(deps.env) };
  const outcome = await withKeptImages({ env: deps.env, workspace }, () => surveyAll(start, waiting));
  const resolution: Omit<Resolution, "summary_markdown"> = {
    workspace,
    workspace_source: source,
    request,
    ...defined({ metric_contract: contract, live }),
    unfinished_runs: runs.filter((run) => run.unfinished || run.kind !== "ours"),
    ...conclude(outcome, live),
  };
  const { plan } = resolution;
  if (plan !== undefined && live === undefined) resolution.plan = { ...plan, ...(await programOf(outcome.survey)) };
  resolution.checks = [workspaceCheck(workspace, source), ...resolution.checks];
  return { ...resolution, summary_markdown: renderSummary(resolution) };
}

/** What will score, as it lies there now; no part of the plan's id, since a rebuilt program is the same plan. */
async function programOf({ executor }: Survey): Promise<Pick<Plan, "program">> {
  return defined({ program: await executor?.program?.() });
}

/** The workspace named, else that of the run named: a run brings its own. */
async function placeOf({ workspace, run, resume, adopt_run }: PlanRequest, deps: Deps): Promise<string | undefined> {
  const named = run ?? (resume === "fresh" ? undefined : resume) ?? adopt_run;
  return workspace ?? (named === undefined ? undefined : await workspaceOfRun(named, deps));
}

/** What the state of an adopted run says is not asked again; what cannot be read there its check says. */
async function withAdopted(given: PlanRequest & { workspace: string }): Promise<PlanRequest> {
  if (given.adopt_run === undefined) return given;
  try {
    const { settings } = await readAdoptedRun(adoptedDir(given.workspace, given.adopt_run));
    return { ...settings, ...defined(given) } as PlanRequest;
  } catch (error) {
    if (error instanceof Refusal) return given;
    throw error;
  }
}

type Conclusion = Pick<
  Resolution,
  "checks" | "warnings" | "plan" | "config" | "estimate" | "question" | "changed" | "twins"
>;

/** The plan, when nothing is missing and nothing halts. */
function conclude({ survey, checks: found, missing, warnings }: Outcome, live: LiveRun | undefined): Conclusion {
  const ground = readiness(survey);
  const drift = ground === undefined || live === undefined ? undefined : driftOf(ground, live);
  const checks = drift === undefined ? found : [...found, drift];
  const blocked = missing.length > 0 || checks.some((check) => check.outcome === "halt");
  const ready = blocked ? undefined : ground;
  const plan = ready && (live === undefined ? freshPlan(ready) : livePlan(ready, live));
  if (live !== undefined && plan !== undefined) refuseNoEffect(live, plan);
  return {
    checks,
    warnings,
    ...defined({ estimate: estimateOf(survey), twins: survey.twins }),
    ...(ready === undefined || plan === undefined ? {} : { plan, config: buildConfig(ready) }),
    ...defined({ question: missing.length === 0 ? undefined : consolidate(missing) }),
    changed: live === undefined || plan === undefined ? [] : changedParameters(live.plan, plan),
  };
}

/**
 * A run with no stage left goes on only for a reason. @throws Refusal `approval.no-effect` for a change that gives none:
 * a human would approve what changes nothing.
 */
function refuseNoEffect({ ended_by, iteration, idle, plan: before, run_id }: LiveRun, plan: Plan): void {
  if (ended_by === undefined || plan.plan_id === before.plan_id) return;
  const most = Number(plan.parameters.max_iterations?.value);
  const tired = ended_by === "no_gain" && isPatienceOver(plan, idle);
  if (most > iteration && !tired) return;
  const facts = { run_id, ended_by, iteration, max_iterations: most, least_max_iterations: iteration + 1 };
  throw new Refusal(
    "approval.no-effect",
    tired
      ? `The plan's patience ended the loop at iteration ${iteration}; nothing is left that this changes.`
      : `Iteration ${iteration} was the last; nothing is left that this changes.`,
    { ...facts, ...(tired ? { patience: 0 } : {}) },
  );
}

type Outcome = { survey: Survey; checks: Check[]; missing: Missing[]; warnings: string[] };

async function surveyAll(start: Survey, { signal, progress = () => {} }: Waiting): Promise<Outcome> {
  const outcome: Outcome = { survey: start, checks: [], missing: [], warnings: [] };
  const begin = headwayOf(steps.length, progress);
  for (const [at, step] of steps.entries()) {
    signal?.throwIfAborted();
    const findings = await withHeadway(begin(at, step.title), () => lookAt(step, outcome.survey));
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
    if (!(error instanceof Refusal) || error.ofInstallation) throw error;
    return { checks: [{ ...halt(error.code, error.message), facts: error.facts }] };
  }
}

function readiness(survey: Survey): Ready | undefined {
  const { spec, platform, executor, contract, images_dir } = survey;
  const { training_csv, validation_csv, kpi_csv, holdout_csv } = survey.csvs;
  if (!spec || !platform || !executor || !contract || !images_dir) return undefined;
  if (!training_csv || !validation_csv || !kpi_csv) return undefined;
  const csvs = { training_csv, validation_csv, kpi_csv, ...defined({ holdout_csv }) };
  return { ...survey, spec, platform, executor, contract, images_dir, csvs };
}

function workspaceCheck(workspace: string, source: string): Check {
  return { id: "workspace", title: "Workspace", outcome: "ok", detail: `${workspace} (${source})` };
}

function consolidate(missing: readonly Missing[]): Question {
  const text = missing.map((one, at) => `${at + 1}. ${one.ask}`).join("\n");
  return { text, missing };
}
