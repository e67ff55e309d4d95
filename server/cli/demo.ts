import { Refusal } from "../errors.ts";
import type { Given } from "./declarations.ts";
import { driveLoop, type LoopEnd } from "./demo-loop.ts";
import { demoResultText, readDemoResult } from "./demo-result.ts";
import { type DemoWorkspace, demoWorkspace } from "./demo-workspace.ts";
import { barDisplay, type Display, plainDisplay } from "./display.ts";
import { command, exitDefect, exitOk } from "./frame.ts";
import { type CliIo, print } from "./io.ts";
import { withOwnServer } from "./own-server.ts";

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
    const end = await runPlan(planId, wish, io, display);
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

/** The operator of the second server is this demo, so the approval is recorded as `preauthorised`. */
async function runPlan(planId: string, wish: Wish, io: CliIo, display: Display): Promise<LoopEnd> {
  return await withOwnServer(io, { DEFT_APPROVE_PLAN: planId }, async (client) => {
    const approved = await client.call("approve_plan", { plan_id: planId });
    const runDir = String(approved.run_dir);
    display.say(`Approved   ${approved.approved}, by starting the server with DEFT_APPROVE_PLAN`);
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
