import { Refusal } from "../errors.ts";
import { approveAtConsole, approveResolved, isApprovable } from "../loop/approval/approve.ts";
import type { Approvable } from "../loop/approval/create-run.ts";
import { loopStatus } from "../loop/status.ts";
import { describeAction } from "../loop/transitions.ts";
import type { Call } from "../ports/call.ts";
import { dropPending, savePending } from "../preflight/pending.ts";
import type { PlanRequest } from "../preflight/request.ts";
import type { Resolution } from "../preflight/resolution.ts";
import { resolvePlan } from "../preflight/resolve.ts";
import { defined } from "../run/defined.ts";
import { systemDeps, terminalCall } from "./deps.ts";
import { columnsOf, type Display, displayFor, withBar } from "./display.ts";
import { closeRun, driveLoop, leavable } from "./drive-loop.ts";
import { type Answer, command, exitOk, exitRefused } from "./frame.ts";
import { type CliIo, print, tell } from "./io.ts";
import { loopResultText, readLoopResult } from "./loop-result.ts";
import { runNearby, workspaceNearby } from "./nearby.ts";
import { withOwnServer } from "./own-server.ts";
import { plainPlan } from "./plain-plan.ts";
import { optionOf, planRequestOf } from "./plan-options.ts";
import { confirmAtTerminal, isAtTerminal, withTerminal } from "./terminal.ts";

const exitNotMet = 3;
const exitHardStop = 4;

/** `deft-mcp run`: plan, a person's yes, and the loop to its end, through the core that the tools have. */
export const run = command("run", async ({ positionals: [named], options }, io) => {
  const call = terminalCall(systemDeps(io));
  const isNamed = options.resume || named !== undefined;
  const live = isNamed ? await runNearby(named, options.workspace, call.deps, {}) : undefined;
  const { platform, ...changes } = planRequestOf(options);
  const isAsIs = live !== undefined && Object.keys(changes).length === 0;
  const request = async (): Promise<PlanRequest> =>
    live !== undefined
      ? { ...changes, run: live }
      : { platform, ...changes, ...defined({ workspace: await workspaceNearby(options.workspace, call.deps) }) };
  const runDir = isAsIs ? live : await approvedRun(await request(), options.json, call, io);
  if (runDir === undefined) return exitRefused;
  const display = displayFor(io, options.json);
  try {
    display.say(`Run        ${runDir}\n`);
    const own = isAsIs ? io : unrecorded(io, display);
    return await leavable(runDir, io, display, () => toItsEnd(runDir, call, own, display));
  } finally {
    display.close();
  }
});

/** A trace that lacks the plan and its approval, which no client gave here, could never be replayed. */
function unrecorded(io: CliIo, display: Display): CliIo {
  const { DEFT_RECORD, ...env } = io.env;
  if (DEFT_RECORD) {
    display.say(
      "Not recorded: plan and approval were given at this terminal, and a trace begins with them. DEFT_RECORD takes what an MCP client or `deft-mcp demo` runs.\n",
    );
  }
  return { ...io, env };
}

/** Plans until nothing is missing, shows the plan and creates its run, or changes the live one; undefined when the person says no. */
async function approvedRun(request: PlanRequest, json: boolean, call: Call, io: CliIo): Promise<string | undefined> {
  const resolution = await planned(request, call, io, json);
  const { plan, live, summary_markdown: summary } = resolution;
  if (live !== undefined && live.plan.plan_id === plan.plan_id) return live.run_dir;
  const isRead = io.isTty && !json;
  tell(io, json ? io.stderr : io.stdout, isRead ? plainPlan(summary, columnsOf(io.stdout)) : `${summary}\n`);
  const { plan_id } = plan;
  if (call.deps.env.DEFT_APPROVE_PLAN === plan_id) return (await approveResolved(resolution, undefined, call)).runDir;
  const isAgreed = isAtTerminal() && (await confirmAtTerminal(`Approve plan ${plan_id} and run it?`));
  if (isAgreed) return (await approveAtConsole(plan_id, call)).runDir;
  // A change that nobody agreed to must not keep the run from going on as it was approved.
  if (live !== undefined) await dropPending(plan_id, call.deps);
  if (!isAtTerminal()) {
    const facts = { plan_id, set: `DEFT_APPROVE_PLAN=${plan_id}` };
    throw new Refusal("approval.no-terminal", "Nobody can be asked here.", facts);
  }
  print(io.stdout, "Not approved; nothing was changed.\n");
  return undefined;
}

/** @throws Refusal `approval.plan-incomplete` where a finding halts, or something is missing and nobody can be asked. */
async function planned(request: PlanRequest, call: Call, io: CliIo, json: boolean): Promise<Approvable> {
  const found = await withBar(io, json, (progress) => resolvePlan(request, call.deps, { ...call, progress }));
  await savePending(found, call.deps);
  if (isApprovable(found)) return found;
  const { question, checks } = found;
  const halted = checks.filter(({ outcome }) => outcome === "halt").map(({ title, detail }) => `${title}: ${detail}`);
  if (question === undefined || halted.length > 0 || !isAtTerminal()) {
    const missing = question?.missing.map(({ field, ask }) => `${optionOf(field)}: ${ask}`);
    const message =
      halted.length > 0 ? "What halts has to be put right first; `deft-mcp doctor` says how." : "There is no plan yet.";
    const stops = halted.length === 0 ? undefined : halted;
    throw new Refusal("approval.plan-incomplete", message, defined({ halted: stops, missing }));
  }
  return await planned({ ...request, ...(await answersTo(question)) }, call, io, json);
}

/** Asks a person for everything that is missing. @throws Refusal `approval.plan-incomplete` for an empty answer. */
async function answersTo({ missing }: NonNullable<Resolution["question"]>): Promise<Partial<PlanRequest>> {
  const answers: Record<string, string | number> = {};
  await withTerminal(async (ask) => {
    for (const { field, ask: text, choices } of missing) {
      const answer = await ask(`${text}${choices === undefined ? "" : ` (${choices.join(", ")})`} `);
      if (answer === "") throw new Refusal("approval.plan-incomplete", "Not answered.", { missing: [field] });
      answers[field] = /^\d+$/.test(answer) ? Number(answer) : answer;
    }
  });
  return answers;
}

/** Goes on where the run stands; what stopped hard is left for a person to repair, and is not closed. */
async function toItsEnd(runDir: string, call: Call, io: CliIo, display: Display): Promise<Answer> {
  const started = performance.now();
  const { next, run } = await loopStatus(runDir, call.deps);
  const { max_iterations } = run.state;
  const isLeft = next.action === "run_stage" || next.action === "finish_loop";
  const end = !isLeft
    ? undefined
    : await withOwnServer(io, {}, async (client) => {
        const driven =
          next.action === "run_stage"
            ? await driveLoop(client, runDir, max_iterations, display, io.isTty ? 1 : 20)
            : "ended";
        if (driven === "ended") await closeRun(client, runDir, display);
        return driven;
      });
  const { result, outcome } = await readLoopResult(runDir, (performance.now() - started) / 1000);
  const isStopped = end === "hard_stop" || next.action === "acknowledge_or_finish" || result.status === "failed";
  const exit = isStopped ? exitHardStop : outcome.kind === "met" ? exitOk : exitNotMet;
  const text = `${loopResultText(result, outcome)}${isStopped ? await stopText(runDir, call) : ""}`;
  return { value: { ...result, outcome: outcome.kind }, text, exit };
}

async function stopText(runDir: string, call: Call): Promise<string> {
  const { run, next } = await loopStatus(runDir, call.deps);
  const stop = run.state.hard_stop;
  if (stop === undefined || next.action === "none") return "";
  return `Hard stop  ${stop.code}: ${stop.message}
Next       ${describeAction(next)}: deft-mcp acknowledge ${runDir}, then deft-mcp run --resume ${runDir}
`;
}
