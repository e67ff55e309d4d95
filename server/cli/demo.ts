import { Refusal } from "../errors.ts";
import { approveAtConsole, resolveAgain } from "../loop/approval/approve.ts";
import type { ToolClient } from "../mcp/client/open.ts";
import { findRuns } from "../preflight/unfinished.ts";
import { defined } from "../run/defined.ts";
import type { Given } from "./declarations.ts";
import { type DemoWorkspace, demoWorkspace, isAsDrawn } from "./demo-workspace.ts";
import { systemDeps, terminalCall } from "./deps.ts";
import { type Display, displayFor } from "./display.ts";
import { closeRun, driveLoop, leavable } from "./drive-loop.ts";
import { command, exitDefect, exitOk } from "./frame.ts";
import { type CliIo, tell } from "./io.ts";
import { loopResultText, readLoopResult } from "./loop-result.ts";
import { withOwnServer } from "./own-server.ts";
import { agreed, confirmAtTerminal, isAtTerminal } from "./terminal.ts";

type Wish = {
  readonly workspace: DemoWorkspace;
  readonly platform: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly maxIterations: number;
  readonly kpi: string;
  readonly seed: number;
  /** As the plan has it unless given. */
  readonly numSdg: number | undefined;
};

/** `deft-mcp demo`: the loop from preflight to report, driven through the tools by an MCP client of ours. */
export const run = command("demo", async ({ options }, io) => {
  const started = performance.now();
  const display = displayFor(io, options.json);
  try {
    const wish = await wishOf(options, io, display);
    const left = await leftRun(wish, io, display);
    const { runDir, end } = left ?? (await newRun(wish, io, display));
    const { result, outcome } = await readLoopResult(runDir, (performance.now() - started) / 1000);
    const exit = end === "hard_stop" ? exitDefect : exitOk;
    return { value: result, text: loopResultText(result, outcome), exit };
  } finally {
    display.close();
  }
});

async function wishOf(given: Given<"demo">["options"], io: CliIo, display: Display): Promise<Wish> {
  const { platform, set: settings, kpi, seed, "max-iterations": maxIterations, "num-sdg": numSdg } = given;
  const workspace = await demoWorkspace(given.workspace, seed, io.cwd);
  const origin = { given: "", generated: " (board images generated just now)", reused: " (generated earlier)" };
  display.say(`Workspace  ${workspace.workspace}${origin[workspace.origin]}`);
  return { platform, settings, kpi, seed, maxIterations, numSdg, workspace };
}

/** An unfinished run of this workspace goes on where a person at the terminal wants it; elsewhere it is only named. */
async function leftRun({ workspace, maxIterations }: Wish, io: CliIo, display: Display) {
  const runs = await findRuns(workspace.workspace);
  const left = runs.findLast(({ unfinished, hard_stop }) => unfinished && hard_stop === undefined);
  if (left === undefined) return undefined;
  const { run_dir: runDir } = left;
  display.say(`Left       ${runDir} is unfinished: deft-mcp run --resume ${runDir}`);
  if (!isAtTerminal() || !(await agreed("Go on with it instead of a new run?"))) return undefined;
  return await withOwnServer(io, {}, (client) =>
    toEnd(client, runDir, left.max_iterations ?? maxIterations, io, display),
  );
}

/** Plans with one server process; the plan id is a hash over the inputs, so the next process finds the same. */
async function plan(wish: Wish, io: CliIo, display: Display): Promise<string> {
  return await withOwnServer(io, {}, async (client) => {
    const planned = await client.call("preflight", {
      workspace: wish.workspace.workspace,
      platform: wish.platform,
      platform_settings: wish.settings,
      max_iterations: wish.maxIterations,
      kpi_target: wish.kpi,
      seed: wish.seed,
      ...defined({ num_sdg: wish.numSdg }),
      resume: "fresh",
    });
    display.say(`Preflight  ${planned.status_line}`);
    if (planned.ok === true) return String(planned.plan_id);
    display.say(String(planned.summary));
    const { checks, question } = planned;
    throw new Refusal("approval.plan-incomplete", String(planned.status_line), { checks, question });
  });
}

async function newRun(wish: Wish, io: CliIo, display: Display) {
  const planId = await plan(wish, io, display);
  return await runPlan(planId, await approvalOf(planId, wish, io, display), wish, io, display);
}

/** What the server that runs the plan is told, and the run where a person at this terminal has approved it. */
type ApprovedBy = { readonly variables: Readonly<Record<string, string>>; readonly runDir?: string };

/**
 * Who approves the plan: this demo for boards that it draws itself, and nobody but a human or the operator for others.
 *
 * @throws Refusal `approval.no-human` where nobody can be asked, `approval.declined`.
 */
async function approvalOf(planId: string, wish: Wish, io: CliIo, display: Display): Promise<ApprovedBy> {
  const { workspace, origin } = wish.workspace;
  const byThisDemo = { variables: { DEFT_APPROVE_PLAN: planId } };
  if (origin === "generated" || (await isAsDrawn(workspace)) || io.env.DEFT_APPROVE_PLAN === planId) return byThisDemo;
  if (!isAtTerminal()) {
    const facts = { plan_id: planId, workspace, terminal_command: `deft-mcp demo --workspace ${workspace}` };
    throw new Refusal("approval.no-human", "Boards that this demo did not draw need the approval of a human.", facts);
  }
  display.close();
  const call = terminalCall(systemDeps(io));
  tell(io, io.stdout, `${(await resolveAgain(planId, call)).summary_markdown}\n\n`);
  if (!(await confirmAtTerminal(`Approve plan ${planId}?`))) {
    throw new Refusal("approval.declined", "The plan was not approved; nothing was changed.", { plan_id: planId });
  }
  return { variables: {}, runDir: (await approveAtConsole(planId, call)).runDir };
}

/** Where this demo is the operator of the second server, the approval is recorded as `preauthorised`. */
async function runPlan(planId: string, by: ApprovedBy, wish: Wish, io: CliIo, display: Display) {
  return await withOwnServer(io, by.variables, async (client) => {
    const approved = by.runDir === undefined ? await client.call("approve_plan", { plan_id: planId }) : undefined;
    const runDir = by.runDir ?? String(approved?.run_dir);
    display.say(`Approved   ${approved?.approved ?? "console"}`);
    display.say(`Run        ${runDir}\n`);
    return await toEnd(client, runDir, wish.maxIterations, io, display);
  });
}

async function toEnd(client: ToolClient, runDir: string, maxIterations: number, io: CliIo, display: Display) {
  return await leavable(runDir, io, display, async () => {
    const end = await driveLoop(client, runDir, maxIterations, display, io.isTty ? 1 : 20);
    await closeRun(client, runDir, display);
    return { runDir, end };
  });
}
