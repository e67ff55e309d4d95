import { openToolClient, type ToolClient, ToolRefusal } from "../mcp/client/open.ts";
import { version } from "../run/version.ts";
import { mainPath } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { exitDefect, exitRefused, printJson } from "./outcome.ts";

/** Starts `deft-mcp serve` from this very file and connects to it as an MCP client, over stdio. */
export function openOwnServer(io: CliIo, variables: Readonly<Record<string, string>> = {}): Promise<ToolClient> {
  const env = { ...io.env, ...variables };
  return openToolClient({ command: process.execPath, args: [mainPath(), "serve"], env, cwd: io.cwd }, version);
}

/** Runs work that calls tools and shows a tool's refusal: as JSON on stdout, else as the agent reads it on stderr. */
export async function reportToolRefusal(io: CliIo, json: boolean, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ToolRefusal)) throw error;
    if (json) printJson(io, { ok: false, error: { code: error.code, text: error.text } });
    else print(io.stderr, `${error.text}\n`);
    return error.code === "internal" ? exitDefect : exitRefused;
  }
}
