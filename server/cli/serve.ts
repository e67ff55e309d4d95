import { resolve } from "node:path";
import type { Toolset } from "../../tools/define.ts";
import { Refusal } from "../errors.ts";
import type { ServerOptions } from "../mcp/server.ts";
import { serveStdio } from "../mcp/stdio.ts";
import { redactor } from "../run/redact.ts";
import { version } from "../run/version.ts";
import { parseArguments } from "./arguments.ts";
import { systemDeps } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { assertComplete } from "./shipped.ts";

const usage = `usage: deft-mcp [serve] [--toolsets deft,osmo] [--http [HOST:]PORT [--token-file FILE]] [--record DIR]

Speaks MCP on stdin and stdout, or with --http over Streamable HTTP at /mcp, for several clients. HOST is 127.0.0.1
unless given; any other needs a token. Ending the server ends no job. --record (or DEFT_RECORD) writes a trace, one
file a connection, which \`deft-mcp replay\` plays again.
`;

const known: readonly Toolset[] = ["deft", "osmo"];

/** `deft-mcp serve`: speaks MCP until the client goes away, or over HTTP until a signal arrives. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return 0;
  }
  const text = { type: "string" } as const;
  const given = parseArguments(argv, { toolsets: text, http: text, "token-file": text, record: text }, []);
  const toolsets = chosenToolsets(given.text("toolsets") ?? io.env.DEFT_TOOLSETS ?? "deft,osmo");
  const clean = redactor(io.env);
  const options = { version, toolsets, log: (line: string) => print(io.stderr, `${clean(line)}\n`) };
  await assertComplete();
  const address = given.text("http");
  const tokenFile = given.text("token-file");
  const folder = given.text("record") ?? io.env.DEFT_RECORD;
  const record = folder ? resolve(io.cwd, folder) : undefined;
  if (address !== undefined) {
    const { serveHttp } = await import("./serve-http.ts");
    await serveHttp({ address, tokenFile, record }, systemDeps(io), options, io);
    return 0;
  }
  if (tokenFile !== undefined) throw new Refusal("input.invalid", "--token-file goes with --http.", {});
  if (process.stdin.isTTY) {
    print(
      io.stderr,
      "deft-mcp speaks MCP on stdin and stdout; start it from an MCP client. `deft-mcp help` lists commands for people.\n",
    );
  }
  if (record === undefined) await serveStdio(systemDeps(io), options);
  else await serveRecorded(record, options, io);
  return 0;
}

async function serveRecorded(dir: string, options: ServerOptions, io: CliIo): Promise<void> {
  const { startRecording } = await import("../trace/recorder.ts");
  const { deps, tap } = await startRecording(dir, systemDeps(io), options);
  await serveStdio(deps, options, tap);
}

function chosenToolsets(text: string): Toolset[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(known as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Refusal("input.invalid", `Unknown toolset: ${unknown.join(", ")}.`, { known });
  return known.filter((name) => names.includes(name));
}
