import { createServer, type IncomingMessage, type Server as NodeServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isInitializeRequest } from "@modelcontextprotocol/sdk/types.js";
import { errnoOf, Refusal } from "../errors.ts";
import type { Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import type { User } from "../run/state.ts";
import type { Recording } from "../trace/recorder.ts";
import { failureText } from "./answer.ts";
import { enter, type Front, type FrontOptions, frontOf } from "./http-front.ts";
import { isLoopback } from "./http-guard.ts";
import { keepSessions, mostBodyBytes, type Sessions } from "./http-sessions.ts";
import { isModern, namesModern } from "./modern/era.ts";
import type { BuildModern, ModernEndpoint } from "./modern/http.ts";
import { notRecorded } from "./not-recorded.ts";
import type { ServerOptions } from "./options.ts";
import { buildServer } from "./server.ts";

export type HttpOptions = ServerOptions &
  FrontOptions & {
    /** 0 takes a free port. */
    readonly port: number;
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
/** Calls that are short are answered before the end; one that waits for a job is told to stop after this. */
const patienceMs = 2_000;
/** A request that takes longer than this to arrive is no client of ours. */
const arrivalMs = 30_000;

/**
 * Serves any number of clients over Streamable HTTP, one session each; all of them see the same runs, because those
 * are on disk. `build` makes the server of a session.
 *
 * @throws Refusal `http.token` for an address beyond loopback without a token, `http.address` when it cannot be taken,
 * `http.issuer` when the issuer of users' tokens cannot be used.
 */
export async function openHttp(
  deps: Deps,
  options: HttpOptions,
  build = buildServer,
  modern?: BuildModern,
): Promise<HttpService> {
  const { host, port, token, trust, keepAliveMs, log } = options;
  if (!isLoopback(host) && token === undefined && trust === undefined) {
    throw new Refusal("http.token", "Without a token this is served on loopback only.", { host });
  }
  const open = async (user: User | undefined) => {
    const recording = await options.record?.();
    const server = build(recording?.deps ?? deps, { ...options, ...defined({ user }) });
    return { server, tap: recording?.tap };
  };
  const sessions = keepSessions(open, { keepAliveMs, most: options.mostSessions ?? 64 });
  const sessionless = once(async () => {
    const { openModern } = await import("./modern/http.ts");
    return openModern(deps, { ...options, maxBodyBytes: mostBodyBytes }, modern);
  });
  let service: Service | undefined;
  const http = createServer((request, response) => {
    const answered = service === undefined ? Promise.resolve(response.destroy()) : route(request, response, service);
    answered.catch((error: unknown) => {
      const incident = deps.ids.hex(8);
      log(`incident ${incident} over HTTP: ${error instanceof Error ? error.stack : String(error)}`);
      if (response.headersSent) response.destroy();
      else answer(response, 500, failureText(error, incident));
    });
  });
  http.requestTimeout = arrivalMs;
  await listen(http, host, port);
  const { port: taken } = http.address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${taken}${path}`;
  try {
    service = { ...(await frontOf(url, options)), sessions, sessionless, records: options.record !== undefined };
  } catch (error) {
    http.close();
    throw error;
  }
  return {
    url,
    async close() {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      await sessions.closeAll(patienceMs);
      await (await sessionless.made)?.close();
      const force = setTimeout(() => http.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(force);
    },
  };
}

/** Sessions for the eras that begin one, and what serves the requests of the era that needs none, once there is one. */
type Service = Front & {
  readonly sessions: Sessions;
  readonly sessionless: Once<ModernEndpoint>;
  readonly records: boolean;
};

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  { sessions, sessionless, records, ...front }: Service,
) {
  const asked = request.url?.split("?")[0];
  const entered = await enter(request, front);
  if (entered.answer !== undefined) {
    const { status, headers, body, refusal } = entered.answer;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (refusal !== undefined) return answer(response, status, failureText(refusal, ""));
    return void response.writeHead(status, { "content-type": "application/json" }).end(body);
  }
  const { user } = entered;
  if (asked !== path) return answer(response, 404, `There is only ${path} here.`);
  const id = request.headers["mcp-session-id"];
  if (id === undefined && request.method !== "POST") return answer(response, 400, "Mcp-Session-Id is missing.");
  // Nothing is built for somebody who sends too much, or anything but a beginning.
  const body = id === undefined ? await firstMessage(request) : undefined;
  if (typeof body === "object" && body.modern && records) {
    return void response
      .writeHead(400, { "content-type": "application/json" })
      .end(JSON.stringify(notRecorded(body.message)));
  }
  if (typeof body === "object" && body.modern) {
    return await (await sessionless.get()).handle(request, response, body.message, user);
  }
  if (body === "too large") return answer(response, 413, "The body is larger than 4 MiB.");
  if (body === "no beginning") return answer(response, 400, "A session begins with one initialize message.");
  const session = id === undefined ? await sessions.open(user) : sessions.find(String(id));
  const others = session !== undefined && session.user?.subject !== user?.subject;
  // A client that hears 404 starts anew; that a session is another user's is not told.
  if (id !== undefined && (session === undefined || others)) {
    return answer(response, 404, "There is no such session.", -32001);
  }
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
