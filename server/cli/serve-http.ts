import { excerpt, Refusal } from "../errors.ts";
import { readText } from "../fs/read.ts";
import { openHttp } from "../mcp/http.ts";
import type { ServerOptions } from "../mcp/server.ts";
import type { Deps } from "../ports/call.ts";
import { recordSeveral } from "../trace/recorder.ts";
import { type CliIo, print } from "./io.ts";

const fewestTokenChars = 16;

/** `serve --http`: any number of clients over Streamable HTTP, until a signal arrives. Jobs run on without us. */
export async function serveHttp(
  where: { readonly address: string; readonly tokenFile: string | undefined; readonly record: string | undefined },
  deps: Deps,
  options: ServerOptions,
  io: CliIo,
): Promise<void> {
  const token = where.tokenFile === undefined ? undefined : await readToken(where.tokenFile);
  const address = parseAddress(where.address);
  const record = where.record === undefined ? undefined : await recordSeveral(where.record, deps, options);
  const service = await openHttp(deps, { ...options, ...address, token, record });
  print(io.stderr, `deft-mcp serves MCP on ${service.url}\n`);
  await untilStopped();
  await service.close();
}

/** `[HOST:]PORT`; without a host this machine alone is served. @throws Refusal `input.invalid`. */
export function parseAddress(text: string): { host: string; port: number } {
  const [, host = "127.0.0.1", digits = ""] = /^(?:(\[[0-9a-f:.]+\]|[^:[\]]+):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits !== "" && port <= 65_535) return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
  throw new Refusal("input.invalid", "--http takes [HOST:]PORT.", { option: "http", got: excerpt(text, 60) });
}

/** @throws Refusal `http.token` for what no client could send, or anyone could guess. */
async function readToken(path: string): Promise<string> {
  const token = (await readText(path)).trim();
  if (token.length >= fewestTokenChars && /^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
  const message = `A token is one line of at least ${fewestTokenChars} letters, digits or -._~+/.`;
  throw new Refusal("http.token", message, { path });
}

function untilStopped(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => done());
  });
}
