#!/usr/bin/env node
import type { CommandName } from "./cli/declarations.ts";
import { answeredAlone, exitOk, type Run, settled } from "./cli/frame.ts";
import type { CliIo } from "./cli/io.ts";
import { unknownCommand } from "./cli/parse.ts";

type Loader = () => Promise<{ readonly run: Run }>;
/** What is declared is here; what the server starts itself is declared nowhere. */
type Commands = Readonly<Record<string, Loader> & Record<Exclude<CommandName, `${string} ${string}`>, Loader>>;

/** Every subcommand, imported when it is called: the server's start must not pay for the rest. */
const commands: Commands = {
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

const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  isTty: process.stdout.isTTY === true,
};

/** Options alone mean the server, because that is what MCP clients are configured with; help and version do not. */
async function main(argv: string[]): Promise<number> {
  const [first = "", ...rest] = argv;
  const isOption = first === "" || first.startsWith("-");
  if (["--help", "-h", "--version", "-v"].includes(first) && answeredAlone(undefined, argv, io)) return exitOk;
  const load = isOption ? commands.serve : Object.hasOwn(commands, first) ? commands[first] : undefined;
  if (load === undefined) throw unknownCommand(first);
  return await (await load()).run(isOption ? argv : rest, io);
}

const argv = process.argv.slice(2);
process.exitCode = await settled(argv, io, () => main(argv));
