import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { defined } from "../run/defined.ts";
import type { Tap } from "../trace/recorder.ts";
import { type Events, recordEvents } from "./http-events.ts";
import { tapped } from "./tap.ts";

const idleMs = 30 * 60_000;
const mostBodyBytes = 4 * 1024 * 1024;

export type Session = {
  readonly events: Events;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
};

export type Sessions = {
  find(id: string): Session | undefined;
  /** A session that is kept once its first request turns out to be an `initialize`; undefined when all are taken. */
  open(): Promise<Session | undefined>;
  closeAll(): Promise<void>;
};

type Live = Session & { open: number; usedAt: number; timer?: NodeJS.Timeout; close(): Promise<void> };

/**
 * The sessions of one HTTP server, each with a server and a transport of its own. A session without any open request
 * ends after half an hour, or earlier when its place is needed.
 */
export function keepSessions(
  build: () => Promise<{ readonly server: Server; readonly tap: Tap | undefined }>,
  options: { keepAliveMs?: number | undefined; most: number },
): Sessions {
  const live = new Map<string, Live>();
  return {
    find: (id) => live.get(id),
    async open() {
      if (live.size >= options.most && !(await makeRoom(live))) return undefined;
      const events = recordEvents();
      const { server, tap } = await build();
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: events,
        maxRequestBodySize: mostBodyBytes,
        onsessioninitialized: (id) => void live.set(id, session),
        ...defined({ keepAliveMs: options.keepAliveMs }),
      });
      const session: Live = {
        events,
        open: 0,
        usedAt: Date.now(),
        close: () => server.close(),
        handle: (request, response) => follow(session, transport, request, response),
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
    async closeAll() {
      for (const session of [...live.values()]) await session.close();
    },
  };
}

async function follow(
  session: Live,
  transport: StreamableHTTPServerTransport,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  clearTimeout(session.timer);
  session.open += 1;
  response.on("close", () => {
    session.open -= 1;
    session.usedAt = Date.now();
    if (session.open > 0) return;
    session.timer = setTimeout(() => void session.close().catch(() => undefined), idleMs).unref();
  });
  await transport.handleRequest(request, response);
  // Anything but an `initialize` was refused: what was opened for it goes.
  if (transport.sessionId === undefined) await session.close();
}

async function makeRoom(live: ReadonlyMap<string, Live>): Promise<boolean> {
  const idle = [...live.values()].filter((session) => session.open === 0).sort((a, b) => a.usedAt - b.usedAt);
  await idle[0]?.close();
  return idle.length > 0;
}
