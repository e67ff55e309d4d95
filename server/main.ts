#!/usr/bin/env node
import { type CliIo, print } from "./cli/io.ts";
import { Refusal } from "./errors.ts";
import { redactDeep, redactor } from "./run/redact.ts";
import { oneLine } from "./run/visible.ts";

type Command = { run(argv: string[], io: CliIo): Promise<number> };

/** Every subcommand, imported when it is called: the server's start must not pay for the rest. */
const commands: Record<string, () => Promise<Command>> = {
  serve: () => import("./cli/serve.ts"),
  engine: () => import("./cli/engine.ts"),
  keep: () => import("./cli/keep.ts"),
  approve: () => import("./cli/approve.ts"),
  acknowledge: () => import("./cli/acknowledge.ts"),
  demo: () => import("./cli/demo.ts"),
  init: () => import("./cli/init.ts"),
  doctor: () => import("./cli/doctor.ts"),
  validate: () => import("./cli/validate.ts"),
  status: () => import("./cli/status.ts"),
  report: () => import("./cli/report.ts"),
  kpi: () => import("./cli/kpi.ts"),
  gaps: () => import("./cli/gaps.ts"),
  call: () => import("./cli/call.ts"),
  osmo: () => import("./cli/osmo.ts"),
  replay: () => import("./cli/replay.ts"),
  trace: () => import("./cli/trace.ts"),
  tokens: () => import("./cli/tokens.ts"),
  help: () => import("./cli/help.ts"),
};

async function main(): Promise<number> {
  const [first, ...rest] = process.argv.slice(2);
  const name = commandOf(first);
  const argv = name === first ? rest : process.argv.slice(2);
  const load = commands[name];
  const io: CliIo = {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    isTty: process.stdout.isTTY === true,
  };
  if (load === undefined) {
    print(io.stderr, `deft-mcp: unknown command ${JSON.stringify(name)}; \`deft-mcp help\` lists them\n`);
    return 2;
  }
  try {
    return await (await load()).run(argv, io);
  } catch (error) {
    return report(error, argv.includes("--json"), io);
  }
}

/** Options alone mean the server, because that is what MCP clients are configured with. */
function commandOf(first: string | undefined): string {
  if (first === "--help" || first === "-h" || first === "--version") return "help";
  return first === undefined || first.startsWith("-") ? "serve" : first;
}

/** Exit 2 for what was foreseen and refused, 1 for a defect. */
function report(error: unknown, asJson: boolean, io: CliIo): number {
  const clean = redactor(io.env);
  if (error instanceof Refusal) {
    const { code, message, facts, remedy } = redactDeep(error.told, clean);
    if (asJson) print(io.stdout, `${JSON.stringify({ error: { code, message, facts, remedy } })}\n`);
    else print(io.stderr, `${code}: ${oneLine(message)}\n${JSON.stringify(facts)}\nNext: ${remedy}\n`);
    return 2;
  }
  const usage = error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  const told = usage ? error.message : error instanceof Error ? error.stack : String(error);
  print(io.stderr, `deft-mcp: ${clean(String(told))}\n`);
  return usage ? 2 : 1;
}

process.exitCode = await main();
