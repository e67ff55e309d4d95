import { Refusal } from "../errors.ts";
import { type OsmoClient, openClient } from "../exec/osmo/client.ts";
import { type SubmitAnswer, submitOutcome } from "../exec/osmo/submit-outcome.ts";
import type { Call } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { type Decided, decide } from "./choices.ts";
import { consentTo } from "./consent.ts";
import { ownFlowsDir, readFlowFile } from "./flow-files.ts";
import type { RequestArgs } from "./intent.ts";
import { lookUpLost } from "./lost-answer.ts";
import { pairPartner } from "./pairing.ts";
import { planSubmit, type SubmitPlan, unknownRoot } from "./plan.ts";
import { isInCluster, loadPreferences, type Preferences, remember } from "./preferences.ts";
import { type Finding, runPreflights } from "./preflights.ts";
import { settle } from "./settle.ts";
import { type Consent, listSubmissions, type Submission, saveSubmission } from "./submissions.ts";
import { defaultBoard } from "./usecases.ts";

export type SubmitArgs = RequestArgs & {
  readonly pool?: string | undefined;
  readonly pair_with?: string | undefined;
  readonly workspace?: string | undefined;
  readonly flows_dir?: string | undefined;
  readonly words?: string | undefined;
  readonly no_probe?: boolean | undefined;
};

/** A plan, and what came of it when it was sent. */
export type Submitted = {
  readonly plan: SubmitPlan;
  readonly findings: readonly Finding[];
  readonly submission: Submission;
  /** An earlier submit of the same plan had lost its answer and was found. */
  readonly recovered: boolean;
};

/** Plans without any command to OSMO: no login is needed and nothing is written. */
export async function planOnly(call: Call, args: SubmitArgs): Promise<SubmitPlan> {
  const preferences = await loadPreferences(call.deps.env);
  const decided = await decide(call, args, preferences, undefined);
  return planOf(call, args, decided, decided.pool ?? preferences.pool ?? "<pool>");
}

/** Decides, checks, asks for the human's yes and submits once. @throws Refusal `osmo.*`; see the steps. */
export async function submitFlow(call: Call, args: SubmitArgs): Promise<Submitted> {
  const { env } = call.deps;
  const client = openClient({ ...call.deps, signal: call.signal });
  const preferences = await loadPreferences(env);
  const profile = await client.profile();
  await remember(env, { osmo_admin: profile.roles.includes("osmo-admin") });
  const decided = await decide(call, args, preferences, { client, profile });
  const plan = await planOf(call, args, decided, decided.pool ?? "");
  const earlier = await settleLost(call, client, plan);
  if (earlier) return { plan, findings: [], submission: earlier, recovered: true };
  call.progress("checking credentials, pod template, artifacts and endpoint");
  const findings = await runPreflights({
    call,
    client,
    preferences: await loadPreferences(env),
    plan,
    workspace: args.workspace ?? env.DEFT_WORKSPACE ?? call.deps.cwd,
    no_probe: args.no_probe ?? false,
    template_answer: decided.template_answer,
  });
  const consent = await consentToCost(call, args, decided, plan, findings);
  await rememberConfirmed(call, plan, consent);
  const submission = await send(call, client, plan, consent, args.pair_with);
  await rememberSubmit(call, plan, preferences);
  return { plan, findings, submission, recovered: false };
}

async function planOf(call: Call, args: SubmitArgs, decided: Decided, pool: string): Promise<SubmitPlan> {
  const settled = settle(decided.wanted);
  const { flow } = settled;
  const file = await readFlowFile(args.flows_dir ?? (await ownFlowsDir()), flow);
  let name: string | undefined = `${flow.workflow_name}-${call.deps.ids.hex(8)}`;
  if (flow.kind === "setup") name = undefined;
  if (args.pair_with !== undefined) name = (await pairPartner(call.deps.env, settled, args.pair_with)).key;
  return planSubmit(settled, file, pool, name);
}

/** Resolves an earlier submit of the same plan whose answer never came; one that was taken is the result. */
async function settleLost(call: Call, client: OsmoClient, plan: SubmitPlan): Promise<Submission | undefined> {
  const { env } = call.deps;
  for (const record of await listSubmissions(env)) {
    if (record.plan_id !== plan.plan_id || record.state !== "sending") continue;
    const found = await lookUpLost(client, record);
    const next = found ? taken(record, found) : { ...record, state: "not-submitted" as const };
    await saveSubmission(env, next);
    if (found) return next;
  }
  return undefined;
}

function taken(record: Submission, answer: SubmitAnswer): Submission {
  const overview = answer.overview ? { overview: answer.overview } : {};
  return { ...record, state: "submitted", workflow_id: answer.workflow_id, ...overview };
}

/** What a person is told before they agree; also the summary of a refusal that waits for their words. */
export function costRows(
  plan: SubmitPlan,
  decided: Pick<Decided, "root_confirmed">,
  findings: readonly Finding[],
): string[] {
  const { settled, cost } = plan;
  const root = settled.set.dig_url_root ?? unknownRoot;
  const local = settled.flow.knobs.image_edit_endpoint && isInCluster(settled.values.image_edit_endpoint ?? "");
  const { dig_url_root: _root, ...knobs } = settled.set;
  return [
    `Flow: ${settled.flow.title}${settled.usecase ? ` (${settled.usecase})` : ""}`,
    `GPUs: up to ${cost.gpus_at_once} at once, at most ${cost.gpu_hours_limit} GPU hours by the time limits${local ? "; the in-cluster image-edit service holds one more" : ""}`,
    `Pool: ${plan.pool}`,
    `Storage root: ${root}${decided.root_confirmed ? "" : " (new: 80 GB and more land there; it will be remembered)"}`,
    `Settings: ${
      Object.entries(knobs)
        .map(([key, value]) => `${key}=${value}`)
        .join(" ") || "defaults"
    }`,
    ...plan.notes.map((note) => `Note: ${note}`),
    ...findings.filter(({ state }) => state === "warn").map(({ check, detail }) => `Warning: ${check}: ${detail}`),
  ];
}

async function consentToCost(
  call: Call,
  args: SubmitArgs,
  decided: Decided,
  plan: SubmitPlan,
  findings: readonly Finding[],
): Promise<Consent> {
  const { flow, set } = plan.settled;
  const allowed = (call.deps.env.DEFT_OSMO_APPROVE ?? "").split(",").map((id) => id.trim());
  const consent = await consentTo(call, {
    key: plan.plan_id,
    title: `Submit ${flow.id} to OSMO?`,
    rows: costRows(plan, decided, findings),
    words: args.words,
    preauthorised: allowed.includes(flow.id),
    terminal: terminalCommand(plan),
  });
  if (consent.how === "preauthorised" && !decided.root_confirmed) {
    throw new Refusal("osmo.root-unconfirmed", "Nobody has confirmed this storage root.", {
      root: set.dig_url_root,
      operator: "DEFT_OSMO_ROOT names it for preauthorised submits",
    });
  }
  return consent;
}

/** The same submit for a person at a terminal. */
export function terminalCommand(plan: SubmitPlan): string {
  const knobs = Object.entries(plan.settled.set).map(([key, value]) => `--set '${key}=${value}'`);
  const usecase = plan.settled.usecase ? [`--usecase ${plan.settled.usecase}`] : [];
  return [`deft-mcp osmo submit ${plan.settled.flow.id} --pool ${plan.pool}`, ...usecase, ...knobs].join(" ");
}

async function rememberConfirmed(call: Call, plan: SubmitPlan, consent: Consent): Promise<void> {
  if (consent.how === "preauthorised") return;
  const { dig_url_root: root, image_edit_endpoint: endpoint } = plan.settled.set;
  await remember(call.deps.env, {
    ...defined({
      dig_url_root: root || undefined,
      image_edit_endpoint: endpoint && !isInCluster(endpoint) ? endpoint : undefined,
    }),
  });
}

async function rememberSubmit(call: Call, plan: SubmitPlan, preferences: Preferences): Promise<void> {
  const { board } = plan.settled.set;
  await remember(call.deps.env, {
    pool: plan.pool,
    ...(board === undefined || board === preferences.board
      ? {}
      : { board: board === defaultBoard ? undefined : board }),
  });
}

function recordOf(call: Call, plan: SubmitPlan, consent: Consent, pairWith: string | undefined): Submission {
  const { clock, ids } = call.deps;
  const { settled } = plan;
  return {
    key: plan.name ?? `${settled.flow.workflow_name}-${ids.hex(8)}`,
    flow: settled.flow.id,
    ...defined({
      usecase: settled.usecase || undefined,
      board: settled.set.board || undefined,
      name: plan.name || undefined,
    }),
    plan_id: plan.plan_id,
    root: settled.set.dig_url_root ?? "",
    pool: plan.pool,
    set: settled.set,
    state: "sending",
    sent_at: clock.now().toISOString(),
    consent,
    ...defined({ pair_of: pairWith || undefined }),
  };
}

/** Writes the record, submits once, and looks a lost answer up instead of sending again. */
async function send(
  call: Call,
  client: OsmoClient,
  plan: SubmitPlan,
  consent: Consent,
  pairWith: string | undefined,
): Promise<Submission> {
  const { env } = call.deps;
  const record = recordOf(call, plan, consent, pairWith);
  await saveSubmission(env, record);
  const outcome = submitOutcome(await client.submit(plan.argv));
  if (outcome.kind === "refused") {
    await saveSubmission(env, { ...record, state: "not-submitted" });
    throw outcome.refusal;
  }
  const answer = outcome.kind === "taken" ? outcome.answer : await lookUpLost(client, record).catch(() => undefined);
  if (answer === undefined) {
    throw new Refusal("osmo.submit-unknown", "No answer came back, so the submit may have been taken.", {
      name: record.key,
      cause: outcome.kind === "unknown" ? outcome.refusal.facts : undefined,
    });
  }
  const done = taken(record, answer);
  await saveSubmission(env, done);
  return done;
}
