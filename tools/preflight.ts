import { z } from "zod";
import { savePending } from "../server/preflight/pending.ts";
import { planUri } from "../server/preflight/plan-uri.ts";
import { type PlanRequest, planRequestSchema } from "../server/preflight/request.ts";
import type { Check, Resolution } from "../server/preflight/resolution.ts";
import { defined } from "../server/run/defined.ts";
import { waitFor } from "../server/run/wait.ts";
import { defineTool, nextCallField } from "./define.ts";

const output = z.object({
  status_line: z.string(),
  /** Whether there is a plan that a human can approve. */
  ok: z.boolean(),
  plan_id: z.string().optional(),
  workspace: z.string(),
  /** Markdown for the human, as it is. */
  summary: z.string(),
  question: z
    .object({
      text: z.string(),
      missing: z.array(z.object({ field: z.string(), ask: z.string(), choices: z.array(z.string()).optional() })),
    })
    .optional(),
  checks: z.array(
    z.object({
      id: z.string(),
      outcome: z.enum(["fixable", "halt"]),
      detail: z.string(),
      fix: z.string().optional(),
      code: z.string().optional(),
      facts: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
  counts: z.record(z.string(), z.number()),
  unfinished_runs: z.array(
    z.object({
      run_id: z.string(),
      kind: z.string(),
      status: z.string(),
      current_iteration: z.number().optional(),
      last_event: z.string().optional(),
      note: z.string().optional(),
    }),
  ),
  next: z.string(),
  next_call: nextCallField,
});

export const preflight = defineTool({
  name: "preflight",
  title: "Plan a DEFT run",
  description:
    "Plan a DEFT AOI loop run: check workspace, data, platform; returns a summary for the human, a plan id for approve_plan, or one question. With `run`: revise a live run.",
  toolset: "deft",
  input: planRequestSchema,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  alwaysLoad: true,
  links: ({ plan_id }) =>
    plan_id === undefined ? [] : [{ uri: planUri(plan_id), name: `plan ${plan_id}`, mimeType: "text/markdown" }],
  searchHint: "plan start new run loop FAR recall PCB AOI ChangeNet TAO resume",
  lasting: {},
  async handle(args, call) {
    const { deps, connection, signal, progress } = call;
    const { planAwaited } = await import("../server/preflight/awaited.ts");
    const waitSec = call.isTask ? Number.POSITIVE_INFINITY : waitFor(call.client);
    const resolution = await planAwaited(args, { deps, signal, progress, waitSec });
    if ("message" in resolution) return stillLooking(resolution.message, args);
    await savePending(resolution, deps);
    const { plan, question } = resolution;
    if (plan !== undefined) connection.shownPlans.add(plan.plan_id);
    return {
      status_line: statusLine(resolution),
      ok: plan !== undefined,
      ...defined({ plan_id: plan?.plan_id }),
      workspace: resolution.workspace,
      summary: resolution.summary_markdown,
      ...defined({ question: question && questionOf(question) }),
      checks: resolution.checks.flatMap(openCheck),
      counts: countOutcomes(resolution.checks),
      unfinished_runs: resolution.unfinished_runs.map(shortRun),
      next: nextStep(resolution),
      ...defined({ next_call: nextCallOf(resolution) }),
    };
  },
});

/** What is told while a first look at many images lasts. */
function stillLooking(message: string, args: PlanRequest) {
  const status_line = `Still looking: ${message} · call preflight again`;
  return {
    status_line,
    ok: false,
    workspace: args.workspace ?? "",
    summary: status_line,
    checks: [],
    counts: {},
    unfinished_runs: [],
    next: "Call preflight again with the same arguments: the work goes on meanwhile.",
    next_call: { tool: "preflight", arguments: args },
  };
}

function statusLine({ plan, question, checks }: Resolution): string {
  const halts = checks.filter((check) => check.outcome === "halt").length;
  if (plan !== undefined) return `Plan ${plan.plan_id} is ready for approval.`;
  const open = [
    ...(halts === 0 ? [] : [`${halts} finding(s) stop the plan`]),
    ...(question === undefined ? [] : [`${question.missing.length} answer(s) missing`]),
  ];
  return `No plan yet: ${open.join(", ")}.`;
}

function nextStep({ plan, live, checks }: Resolution): string {
  if (plan === undefined) {
    const halted = checks.some((check) => check.outcome === "halt");
    return halted
      ? "Show the findings to the human; once they are mended (and the question answered), call preflight again."
      : "Ask the human the question, then call preflight again with all answers.";
  }
  if (live !== undefined && live.plan.plan_id === plan.plan_id) {
    return live.ended_by === undefined
      ? "Call run_stage; the approval of this plan holds."
      : `No stage is left (${live.ended_by}): call finish_loop, or preflight with run and a max_iterations above ${live.iteration} to go on.`;
  }
  return `Show the summary to the human unchanged and wait for their answer to it, then call approve_plan with plan_id ${plan.plan_id}.`;
}

/** What to call once the human answered; a question and findings leave nothing to call as it is. */
function nextCallOf({ plan, live }: Resolution) {
  if (plan === undefined) return undefined;
  if (live === undefined || live.plan.plan_id !== plan.plan_id)
    return { tool: "approve_plan", arguments: { plan_id: plan.plan_id } };
  return { tool: live.ended_by === undefined ? "run_stage" : "finish_loop", arguments: { run: live.run_dir } };
}

function openCheck({ id, outcome, detail, fix, code, facts }: Check) {
  if (outcome !== "halt" && outcome !== "fixable") return [];
  return [{ id, outcome, detail, ...defined({ fix, code, facts: facts && { ...facts } }) }];
}

function countOutcomes(checks: readonly Check[]): Record<string, number> {
  const counts: Record<string, number> = { ok: 0, fixable: 0, halt: 0, not_applicable: 0 };
  for (const { outcome } of checks) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

function questionOf({ text, missing }: NonNullable<Resolution["question"]>) {
  const fields = missing.map(({ choices, ...one }) => ({ ...one, ...defined({ choices: choices && [...choices] }) }));
  return { text, missing: fields };
}

function shortRun(run: Resolution["unfinished_runs"][number]) {
  const { run_id, kind, status, current_iteration, last_event: last, note } = run;
  return {
    run_id,
    kind,
    status,
    ...defined({
      current_iteration,
      last_event: last && `${last.iter} ${last.stage} ${last.status}: ${last.summary}`,
      note,
    }),
  };
}
