import { resolve } from "node:path";
import type { Toolset } from "../../tools/define.ts";
import { Refusal } from "../errors.ts";
import type { ServerOptions } from "../mcp/answers.ts";
import { serveStdio } from "../mcp/stdio.ts";
import { redactor } from "../run/redact.ts";
import { version } from "../run/version.ts";
import { systemDeps } from "./deps.ts";
import { command, exitOk } from "./frame.ts";
import { type CliIo, print } from "./io.ts";
import { assertComplete } from "./shipped.ts";

const known: readonly Toolset[] = ["deft", "osmo"];

/** `deft-mcp serve`: speaks MCP until the client goes away, or over HTTP until a signal arrives. */
export const run = command("serve", async ({ options: given }, io) => {
  const toolsets = chosenToolsets(given.toolsets ?? io.env.DEFT_TOOLSETS ?? "deft,osmo");
  const clean = redactor(io.env);
  const options = { version, toolsets, log: (line: string) => print(io.stderr, `${clean(line)}\n`) };
  await assertComplete();
  const { http: address, "token-file": tokenFile, issuer, audience, resource } = given;
  const record = given.record ?? (io.env.DEFT_RECORD ? resolve(io.cwd, io.env.DEFT_RECORD) : undefined);
  if (address !== undefined) {
    const { serveHttp } = await import("./serve-http.ts");
    await serveHttp({ address, tokenFile, record, issuer, audience, resource }, systemDeps(io), options, io);
    return exitOk;
  }
  const stray = Object.entries({ "token-file": tokenFile, issuer, audience, resource }).find(
    ([, value]) => value !== undefined,
  );
  if (stray !== undefined) throw new Refusal("input.invalid", `--${stray[0]} goes with --http.`, { option: stray[0] });
  if (process.stdin.isTTY) print(io.stderr, forPeople);
  if (record === undefined) await serveStdio(systemDeps(io), options);
  else await serveRecorded(record, options, io);
  return exitOk;
});

const forPeople =
  "deft-mcp speaks MCP on stdin and stdout; start it from an MCP client. `deft-mcp help` lists commands for people.\n";

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
