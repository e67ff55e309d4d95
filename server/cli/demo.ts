import { Refusal } from "../errors.ts";
import type { ToolClient } from "../mcp/client/open.ts";
import { findRuns } from "../preflight/unfinished.ts";
import type { Given } from "./declarations.ts";
import { type DemoWorkspace, demoWorkspace } from "./demo-workspace.ts";
import { type Display, displayFor } from "./display.ts";
import { closeRun, driveLoop, leavable } from "./drive-loop.ts";
import { command, exitDefect, exitOk } from "./frame.ts";
import type { CliIo } from "./io.ts";
import { loopResultText, readLoopResult } from "./loop-result.ts";
import { withOwnServer } from "./own-server.ts";
import { agreed, isAtTerminal } from "./terminal.ts";

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
  const display = displayFor(io, options.json);
  try {
    const wish = await wishOf(options, io, display);
    const left = await leftRun(wish, io, display);
    const { runDir, end } = left ?? (await runPlan(await plan(wish, io, display), wish, io, display));
    const { result, outcome } = await readLoopResult(runDir, io, (Date.now() - started) / 1000);
    const exit = end === "hard_stop" ? exitDefect : exitOk;
    return { value: result, text: loopResultText(result, outcome), exit };
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
async function runPlan(planId: string, wish: Wish, io: CliIo, display: Display) {
  return await withOwnServer(io, { DEFT_APPROVE_PLAN: planId }, async (client) => {
    const approved = await client.call("approve_plan", { plan_id: planId });
    const runDir = String(approved.run_dir);
    display.say(`Approved   ${approved.approved}, by starting the server with DEFT_APPROVE_PLAN`);
    display.say(`Run        ${runDir}\n`);
    return await toEnd(client, runDir, wish.maxIterations, io, display);
  });
}

async function toEnd(client: ToolClient, runDir: string, maxIterations: number, io: CliIo, display: Display) {
  return await leavable(runDir, io, display, async () => {
    const end = await driveLoop(client, runDir, maxIterations, display, io.isTty ? 1 : 20);
    await closeRun(client, runDir);
    return { runDir, end };
  });
}
