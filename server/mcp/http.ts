import { createServer, type IncomingMessage, type Server as NodeServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isInitializeRequest } from "@modelcontextprotocol/sdk/types.js";
import { errnoOf, Refusal } from "../errors.ts";
import type { Deps } from "../ports/call.ts";
import type { Recording } from "../trace/recorder.ts";
import { failureText } from "./answer.ts";
import type { ServerOptions } from "./answers.ts";
import { type Door, isLoopback, turnedAway } from "./http-guard.ts";
import { keepSessions, mostBodyBytes, type Sessions } from "./http-sessions.ts";
import { isModern, namesModern } from "./modern/era.ts";
import type { BuildModern, ModernEndpoint } from "./modern/http.ts";
import { buildServer } from "./server.ts";

export type HttpOptions = ServerOptions & {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Every request then carries it as `Authorization: Bearer`; `deft-mcp serve` always has one. */
  readonly token?: string | undefined;
  /** Sessions at one time, 64 unless told. */
  readonly mostSessions?: number;
  /** Time between keep-alive comments on an open stream, 15 s unless told. */
  readonly keepAliveMs?: number;
  /** Starts the recording of one session. */
  readonly record?: (() => Promise<Recording>) | undefined;
};

/** A running HTTP server; closing it ends every session and no job. */
export type HttpService = { readonly url: string; close(): Promise<void> };

const path = "/mcp";
/** What is still to be written gets this long; calls in flight have been told to stop by then. */
const graceMs = 100;

/**
 * Serves any number of clients over Streamable HTTP, one session each; all of them see the same runs, because those
 * are on disk. `build` makes the server of a session.
 *
 * @throws Refusal `http.token` for an address beyond loopback without a token, `http.address` when it cannot be taken.
 */
export async function openHttp(
  deps: Deps,
  options: HttpOptions,
  build = buildServer,
  modern?: BuildModern,
): Promise<HttpService> {
  const { host, port, token, keepAliveMs, log } = options;
  const door: Door = { loopback: isLoopback(host), token };
  if (!door.loopback && token === undefined) {
    throw new Refusal("http.token", "Without a token this is served on loopback only.", { host });
  }
  const open = async () => {
    const recording = await options.record?.();
    return { server: build(recording?.deps ?? deps, options), tap: recording?.tap };
  };
  const sessions = keepSessions(open, { keepAliveMs, most: options.mostSessions ?? 64 });
  const sessionless = once(async () => {
    const { openModern } = await import("./modern/http.ts");
    return openModern(deps, { ...options, maxBodyBytes: mostBodyBytes }, options.record, modern);
  });
  const http = createServer((request, response) => {
    route(request, response, door, { sessions, sessionless }).catch((error: unknown) => {
      const incident = deps.ids.hex(8);
      log(`incident ${incident} over HTTP: ${error instanceof Error ? error.stack : String(error)}`);
      if (response.headersSent) response.destroy();
      else answer(response, 500, failureText(error, incident));
    });
  });
  await listen(http, host, port);
  const { port: taken } = http.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}${path}`,
    async close() {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      await sessions.closeAll();
      await (await sessionless.made)?.close();
      const force = setTimeout(() => http.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(force);
    },
  };
}

/** Sessions for the eras that begin one, and what serves the requests of the era that needs none, once there is one. */
type Behind = { readonly sessions: Sessions; readonly sessionless: Once<ModernEndpoint> };

async function route(request: IncomingMessage, response: ServerResponse, door: Door, behind: Behind) {
  const { sessions, sessionless } = behind;
  const no = turnedAway(request.headers, door);
  if (no !== undefined) {
    if (no.status === 401) response.setHeader("www-authenticate", 'Bearer realm="deft-mcp"');
    return answer(response, no.status, failureText(no.refusal, ""));
  }
  if (request.url?.split("?")[0] !== path) return answer(response, 404, `There is only ${path} here.`);
  const id = request.headers["mcp-session-id"];
  if (id === undefined && request.method !== "POST") return answer(response, 400, "Mcp-Session-Id is missing.");
  // Nothing is built for somebody who sends too much, or anything but a beginning.
  const body = id === undefined ? await firstMessage(request) : undefined;
  if (typeof body === "object" && body.modern) {
    return await (await sessionless.get()).handle(request, response, body.message);
  }
  if (body === "too large") return answer(response, 413, "The body is larger than 4 MiB.");
  if (body === "no beginning") return answer(response, 400, "A session begins with one initialize message.");
  const session = id === undefined ? await sessions.open() : sessions.find(String(id));
  // A client that hears 404 starts anew.
  if (session === undefined && id !== undefined) return answer(response, 404, "There is no such session.", -32001);
  if (session === undefined) return answer(response, 503, "All sessions are taken.");
  const resumed = request.headers["last-event-id"];
  if (request.method === "GET" && resumed !== undefined && !session.events.knows(String(resumed))) {
    return answer(response, 400, "Last-Event-ID was not given out here.");
  }
  await session.handle(request, response, body?.message);
}

/** What a session is asked to begin with, read up to the limit of a body. */
async function firstMessage(request: IncomingMessage) {
  if (Number(request.headers["content-length"] ?? 0) > mostBodyBytes) return "too large";
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > mostBodyBytes) return "too large";
    pieces.push(piece);
  }
  try {
    const message: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    const modern = isModern(message) || namesModern(request.headers["mcp-protocol-version"]);
    const [only, more] = Array.isArray(message) ? message : [message];
    if (modern || (more === undefined && isInitializeRequest(only))) return { message, modern };
  } catch {
    // No JSON is no beginning.
  }
  return "no beginning";
}

/** An answer without a session: the body is a JSON-RPC error, as the protocol has it, and the request is not read. */
function answer(response: ServerResponse, status: number, message: string, code = -32000): void {
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify({ jsonrpc: "2.0", error: { code, message }, id: null }));
}

async function listen(http: NodeServer, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    http.once("error", (error) => {
      const facts = { host, port, errno: errnoOf(error) ?? "unknown" };
      reject(new Refusal("http.address", "The address cannot be taken.", facts, { cause: error }));
    });
    http.listen(port, host, resolve);
  });
}

type Once<T> = { readonly made: Promise<T> | undefined; get(): Promise<T> };

function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  return {
    get made() {
      return made;
    },
    get() {
      made ??= make();
      return made;
    },
  };
}
