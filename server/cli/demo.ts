import { Refusal } from "../errors.ts";
import type { ToolClient } from "../mcp/client/open.ts";
import { numberOption, parseArguments, platformOption } from "./arguments.ts";
import { driveLoop, type LoopEnd } from "./demo-loop.ts";
import { demoResultText, readDemoResult } from "./demo-result.ts";
import { type DemoWorkspace, demoWorkspace } from "./demo-workspace.ts";
import { barDisplay, type Display, plainDisplay } from "./display.ts";
import { type CliIo, print } from "./io.ts";
import { exitDefect, exitOk, printJson, reportRefusal } from "./outcome.ts";
import { openOwnServer, reportToolRefusal } from "./own-server.ts";

type Wish = {
  readonly workspace: DemoWorkspace;
  readonly platform: string;
  readonly maxIterations: number;
  readonly kpi: string;
  readonly seed: number;
};

const usage = `usage: deft-mcp demo [--workspace DIR] [--platform embedded|docker] [--max-iterations 2]
                     [--kpi "FAR < 1% at recall=100%"] [--seed 1] [--json]

Runs a whole improvement loop through a real MCP client over stdio. Without --workspace it generates board images
into ./deft-demo-workspace, which is kept. A given workspace gets nothing but results/run_*.
`;

/** `deft-mcp demo`: the loop from preflight to report, driven through the tools by an MCP client of ours. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const json = argv.includes("--json");
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  return await reportRefusal(io, json, () => reportToolRefusal(io, json, () => demo(argv, io, json)));
}

async function demo(argv: string[], io: CliIo, json: boolean): Promise<number> {
  const started = Date.now();
  const display = json ? plainDisplay(io.stderr) : io.isTty ? barDisplay(io.stdout) : plainDisplay(io.stdout);
  try {
    const wish = await wishOf(argv, io, display);
    const planId = await plan(wish, io, display);
    const end = await runPlan(planId, wish, io, display);
    const { result, outcome } = await readDemoResult(end, io, (Date.now() - started) / 1000);
    display.close();
    if (json) printJson(io, result);
    else print(io.stdout, demoResultText(result, outcome));
    return end.hard_stop ? exitDefect : exitOk;
  } finally {
    display.close();
  }
}

async function wishOf(argv: string[], io: CliIo, display: Display): Promise<Wish> {
  const given = parseArguments(
    argv,
    {
      workspace: { type: "string" },
      platform: { type: "string" },
      "max-iterations": { type: "string" },
      kpi: { type: "string" },
      seed: { type: "string" },
      json: { type: "boolean" },
    },
    [],
  );
  const seed = numberOption(given, "seed", { min: 0, max: 2_147_483_647, whole: true }) ?? 1;
  const wish = {
    platform: platformOption(given),
    maxIterations: numberOption(given, "max-iterations", { min: 1, max: 99, whole: true }) ?? 2,
    kpi: given.text("kpi") ?? "FAR < 1% at recall=100%",
    seed,
  };
  const workspace = await demoWorkspace(given.text("workspace"), seed, io.cwd);
  const origin = { given: "", generated: " (board images generated just now)", reused: " (generated earlier)" };
  display.say(`Workspace  ${workspace.workspace}${origin[workspace.origin]}`);
  return { ...wish, workspace };
}

/** Plans with one server process; the plan id is a hash over the inputs, so the next process finds the same. */
async function plan(wish: Wish, io: CliIo, display: Display): Promise<string> {
  return await withServer(io, {}, async (client) => {
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
  return await withServer(io, { DEFT_APPROVE_PLAN: planId }, async (client) => {
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

async function withServer<T>(
  io: CliIo,
  variables: Readonly<Record<string, string>>,
  work: (client: ToolClient) => Promise<T>,
): Promise<T> {
  const client = await openOwnServer(io, variables);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
