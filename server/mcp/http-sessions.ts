import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { defined } from "../run/defined.ts";
import type { User } from "../run/state.ts";
import type { Tap } from "../trace/recorder.ts";
import { type Events, recordEvents } from "./http-events.ts";
import { tapped } from "./tap.ts";

const idleMs = 30 * 60_000;
export const mostBodyBytes = 4 * 1024 * 1024;

export type Session = {
  readonly events: Events;
  /** Who opened it, where an issuer vouches for users: nobody else may go on with it. */
  readonly user: User | undefined;
  /** `body` is the message of a request whose stream was read already. */
  handle(request: IncomingMessage, response: ServerResponse, body?: unknown): Promise<void>;
};

export type Sessions = {
  find(id: string): Session | undefined;
  /** A session that is kept once its first request turns out to be an `initialize`; undefined when all are taken. */
  open(user?: User): Promise<Session | undefined>;
  /** Ends every session once the calls in it were answered, or after `patienceMs`. */
  closeAll(patienceMs?: number): Promise<void>;
};

type Live = Session & {
  open: number;
  calls: number;
  usedAt: number;
  timer?: NodeJS.Timeout;
  close(): Promise<void>;
};

const glanceMs = 20;

/**
 * The sessions of one HTTP server, each with a server and a transport of its own. A session without any open request
 * ends after half an hour, or earlier when its place is needed.
 */
export function keepSessions(
  build: (user: User | undefined) => Promise<{ readonly server: Server; readonly tap: Tap | undefined }>,
  options: { keepAliveMs?: number | undefined; most: number },
): Sessions {
  const live = new Map<string, Live>();
  return {
    find: (id) => live.get(id),
    async open(user) {
      if (live.size >= options.most && !(await makeRoom(live))) return undefined;
      const events = recordEvents();
      const { server, tap } = await build(user);
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: events,
        maxRequestBodySize: mostBodyBytes,
        onsessioninitialized: (id) => void live.set(id, session),
        ...defined({ keepAliveMs: options.keepAliveMs }),
      });
      const session: Live = {
        events,
        user,
        open: 0,
        calls: 0,
        usedAt: Date.now(),
        close: () => server.close(),
        handle: (request, response, body) => follow(session, transport, request, response, body),
      };
      transport.onclose = () => {
        clearTimeout(session.timer);
        tap?.close();
        if (transport.sessionId !== undefined) live.delete(transport.sessionId);
      };
      // The transport's getters say `| undefined` where the interface has optional members.
      await server.connect(tap === undefined ? (transport as Transport) : tapped(transport as Transport, tap));
      return session;
    },
    async closeAll(patienceMs = 0) {
      const end = performance.now() + patienceMs;
      while ([...live.values()].some(({ calls }) => calls > 0) && performance.now() < end) await sleep(glanceMs);
      for (const session of [...live.values()]) await session.close();
    },
  };
}

async function follow(
  session: Live,
  transport: StreamableHTTPServerTransport,
  request: IncomingMessage,
  response: ServerResponse,
  body: unknown,
): Promise<void> {
  clearTimeout(session.timer);
  // A client listens on a GET for as long as it likes; a POST ends with the answer to what it asked.
  const call = request.method === "POST" ? 1 : 0;
  session.open += 1;
  session.calls += call;
  response.on("close", () => {
    session.open -= 1;
    session.calls -= call;
    session.usedAt = Date.now();
    if (session.open > 0) return;
    session.timer = setTimeout(() => void session.close().catch(() => undefined), idleMs).unref();
  });
  await transport.handleRequest(request, response, body);
  // Anything but an `initialize` was refused: what was opened for it goes.
  if (transport.sessionId === undefined) await session.close();
}

async function makeRoom(live: ReadonlyMap<string, Live>): Promise<boolean> {
  const idle = [...live.values()].filter((session) => session.open === 0).sort((a, b) => a.usedAt - b.usedAt);
  await idle[0]?.close();
  return idle.length > 0;
}
