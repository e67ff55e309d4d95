import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import { readText } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";
import { othersMay, writeSecret } from "../fs/secret.ts";
import { openHttp } from "../mcp/http.ts";
import { isLoopback } from "../mcp/http-guard.ts";
import type { ServerOptions } from "../mcp/options.ts";
import type { Deps } from "../ports/call.ts";
import { userDir } from "../run/env.ts";
import { recordSeveral } from "../trace/recorder.ts";
import { type CliIo, print } from "./io.ts";

const fewestTokenChars = 16;

export type HttpChoices = {
  readonly address: string;
  readonly record: string | undefined;
  readonly tokenFile: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly resource: string | undefined;
};

/**
 * `serve --http`: any number of clients over Streamable HTTP, until a signal arrives. Jobs run on without us.
 *
 * Every local user reaches a port of loopback, so a token is asked for there too: that of the file, else one made for
 * this start, which a file of this user's alone holds until the end. With an issuer every user has tokens of their own, and
 * none is made.
 */
export async function serveHttp(where: HttpChoices, deps: Deps, options: ServerOptions, io: CliIo): Promise<void> {
  const address = parseAddress(where.address);
  const { issuer, audience, resource, tokenFile } = where;
  const made = tokenFile === undefined && issuer === undefined ? madeToken(address.host) : undefined;
  const token = tokenFile === undefined ? made : await readToken(tokenFile);
  const trust = issuer === undefined ? undefined : { issuer, audience };
  const record = where.record === undefined ? undefined : await recordSeveral(where.record, deps, options);
  const service = await openHttp(deps, { ...options, ...address, token, trust, resource, record });
  print(io.stderr, `deft-mcp serves MCP on ${service.url}\n`);
  if (issuer !== undefined) print(io.stderr, `Every request needs an access token of ${issuer}.\n`);
  const kept = made === undefined ? undefined : await keepToken(made, service.url, io);
  await untilStopped();
  await service.close();
  if (kept !== undefined) await removeIfPresent(kept);
}

/** @throws Refusal `http.token` beyond loopback, where a token must be known to others before the start. */
function madeToken(host: string): string {
  if (isLoopback(host)) return randomBytes(24).toString("base64url");
  throw new Refusal("http.token", "Without --token-file this is served on loopback only.", { host });
}

async function keepToken(token: string, url: string, io: CliIo): Promise<string> {
  const path = join(userDir(io.env, "state"), "http", `${new URL(url).port}.token`);
  await writeSecret(path, `${token}\n`);
  print(io.stderr, `Every request needs the header  Authorization: Bearer ${token}\n(kept in ${path} until the end)\n`);
  return path;
}

/** `[HOST:]PORT`; without a host this machine alone is served. @throws Refusal `input.invalid`. */
export function parseAddress(text: string): { host: string; port: number } {
  const [, host = "127.0.0.1", digits = ""] = /^(?:(\[[0-9a-f:.]+\]|[^:[\]]+):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits !== "" && port <= 65_535) return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
  throw new Refusal("input.invalid", "--http takes [HOST:]PORT.", { option: "http", got: excerpt(text, 60) });
}

/** @throws Refusal `http.token` for what no client could send, anyone could guess, or other users can read. */
async function readToken(path: string): Promise<string> {
  const token = (await readText(path)).trim();
  if (await othersMay(path)) {
    throw new Refusal("http.token", "Other users may read the token file: chmod 600 it.", { path });
  }
  if (token.length >= fewestTokenChars && /^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
  const message = `A token is one line of at least ${fewestTokenChars} letters, digits or -._~+/.`;
  throw new Refusal("http.token", message, { path });
}

function untilStopped(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => done());
  });
}
