import { parseArgs } from "node:util";
import type { Toolset } from "../../tools/define.ts";
import { Refusal } from "../errors.ts";
import { serveStdio } from "../mcp/stdio.ts";
import { version } from "../run/version.ts";
import { systemDeps } from "./deps.ts";
import type { CliIo } from "./io.ts";

const known: readonly Toolset[] = ["deft", "osmo"];

/** `deft-mcp serve [--toolsets deft,osmo]`: speaks MCP on stdin and stdout until the client goes away. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { toolsets: { type: "string" } } });
  const toolsets = chosenToolsets(values.toolsets ?? io.env.DEFT_TOOLSETS ?? "deft,osmo");
  if (process.stdin.isTTY) {
    io.stderr.write(
      "deft-mcp speaks MCP on stdin and stdout; start it from an MCP client. `deft-mcp help` lists commands for people.\n",
    );
  }
  const log = (line: string) => io.stderr.write(`${line}\n`);
  await serveStdio(systemDeps(io), { version, toolsets, log });
  return 0;
}

function chosenToolsets(text: string): Toolset[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(known as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Refusal("input.invalid", `Unknown toolset: ${unknown.join(", ")}.`, { known });
  return known.filter((name) => names.includes(name));
}
