import { Refusal } from "../errors.ts";
import { approveAtConsole, resolveAgain } from "../loop/approval/approve.ts";
import type { Given } from "./declarations.ts";
import { driveLoop, type LoopEnd } from "./demo-loop.ts";
import { demoResultText, readDemoResult } from "./demo-result.ts";
import { type DemoWorkspace, demoWorkspace, isAsDrawn } from "./demo-workspace.ts";
import { systemDeps, terminalCall } from "./deps.ts";
import { barDisplay, type Display, plainDisplay } from "./display.ts";
import { command, exitDefect, exitOk } from "./frame.ts";
import { type CliIo, print } from "./io.ts";
import { withOwnServer } from "./own-server.ts";
import { confirmAtTerminal, isAtTerminal } from "./terminal.ts";

type Wish = {
  readonly workspace: DemoWorkspace;
  readonly platform: string;
  readonly maxIterations: number;
  readonly kpi: string;
  readonly seed: number;
};

/** `deft-mcp demo`: the loop from preflight to report, driven through the tools by an MCP client of ours. */
export const run = command("demo", async ({ options }, io) => {
  const started = Date.now();
  const display = options.json ? plainDisplay(io.stderr) : io.isTty ? barDisplay(io.stdout) : plainDisplay(io.stdout);
  try {
    const wish = await wishOf(options, io, display);
    const planId = await plan(wish, io, display);
    const end = await runPlan(planId, await approvalOf(planId, wish, io, display), wish, io, display);
    const { result, outcome } = await readDemoResult(end, io, (Date.now() - started) / 1000);
    const exit = end.hard_stop ? exitDefect : exitOk;
    return { value: result, text: demoResultText(result, outcome), exit };
  } finally {
    display.close();
  }
});

async function wishOf(given: Given<"demo">["options"], io: CliIo, display: Display): Promise<Wish> {
  const { platform, kpi, seed, "max-iterations": maxIterations } = given;
  const workspace = await demoWorkspace(given.workspace, seed, io.cwd);
  const origin = { given: "", generated: " (board images generated just now)", reused: " (generated earlier)" };
  display.say(`Workspace  ${workspace.workspace}${origin[workspace.origin]}`);
  return { platform, kpi, seed, maxIterations, workspace };
}

/** Plans with one server process; the plan id is a hash over the inputs, so the next process finds the same. */
async function plan(wish: Wish, io: CliIo, display: Display): Promise<string> {
  return await withOwnServer(io, {}, async (client) => {
    const planned = await client.call("preflight", {
      workspace: wish.workspace.workspace,
      platform: wish.platform,
      max_iterations: wish.maxIterations,
      kpi_target: wish.kpi,
      seed: wish.seed,
      resume: "fresh",
    });
    display.say(`Preflight  ${planned.status_line}`);
    if (planned.ok === true) return String(planned.plan_id);
    display.say(String(planned.summary));
    const { checks, question } = planned;
    throw new Refusal("approval.plan-incomplete", String(planned.status_line), { checks, question });
  });
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
  print(io.stdout, `${(await resolveAgain(planId, call)).summary_markdown}\n\n`);
  if (!(await confirmAtTerminal(`Approve plan ${planId}?`))) {
    throw new Refusal("approval.declined", "The plan was not approved; nothing was changed.", { plan_id: planId });
  }
  return { variables: {}, runDir: (await approveAtConsole(planId, call)).runDir };
}

/** Where this demo is the operator of the second server, the approval is recorded as `preauthorised`. */
async function runPlan(planId: string, by: ApprovedBy, wish: Wish, io: CliIo, display: Display): Promise<LoopEnd> {
  return await withOwnServer(io, by.variables, async (client) => {
    const approved = by.runDir === undefined ? await client.call("approve_plan", { plan_id: planId }) : undefined;
    const runDir = by.runDir ?? String(approved?.run_dir);
    display.say(`Approved   ${approved?.approved ?? "console"}`);
    display.say(`Run        ${runDir}\n`);
    const leave = () => leaveRun(runDir, io, display);
    process.once("SIGINT", leave);
    const end = await driveLoop(client, runDir, wish.maxIterations, display, io.isTty ? 1 : 20);
    process.off("SIGINT", leave);
    return end;
  });
}

/** Ctrl-C ends the demo and its server; the run is on disk, and a job that was started goes on. */
function leaveRun(runDir: string, io: CliIo, display: Display): void {
  display.close();
  print(io.stderr, `\nLeft the run where it is: deft-mcp status ${runDir}\n`);
  process.exit(130);
}
