import { Refusal } from "../errors.ts";
import { serveStdio } from "../mcp/stdio.ts";
import { systemDeps } from "./deps.ts";
import { command, exitOk } from "./frame.ts";
import { print } from "./io.ts";
import { recordedDeps, recordingFolder, serverOptions } from "./server-options.ts";
import { assertComplete } from "./shipped.ts";

/** `deft-mcp serve`: speaks MCP until the client goes away, or over HTTP until a signal arrives. */
export const run = command("serve", async ({ options: given }, io) => {
  const options = serverOptions(io, given.toolsets);
  await assertComplete();
  const { http: address, "token-file": tokenFile, issuer, audience, resource } = given;
  const record = recordingFolder(given.record, io);
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
  const { deps, tap } = await recordedDeps(record, io, options);
  await serveStdio(deps, options, tap);
  return exitOk;
});

const forPeople =
  "deft-mcp speaks MCP on stdin and stdout; start it from an MCP client. `deft-mcp help` lists commands for people.\n";
