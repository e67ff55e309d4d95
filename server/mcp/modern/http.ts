import type { IncomingMessage, ServerResponse } from "node:http";
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler } from "@modelcontextprotocol/server";
import type { Deps } from "../../ports/call.ts";
import { defined } from "../../run/defined.ts";
import type { User } from "../../run/state.ts";
import type { ServerOptions } from "../options.ts";
import { authOf } from "./context.ts";
import { type Conversations, conversations } from "./conversations.ts";
import { modernBuilder } from "./server.ts";
import { watchSubscribed } from "./watch.ts";

export type ModernHttpOptions = ServerOptions & {
  readonly keepAliveMs?: number | undefined;
  readonly maxBodyBytes: number;
};

/** The part of an HTTP endpoint that serves requests without a session. */
export type ModernEndpoint = {
  /** `body` is the message, read already; `user` is whoever was let in by a token of their own. */
  handle(request: IncomingMessage, response: ServerResponse, body: unknown, user?: User): Promise<void>;
  close(): Promise<void>;
};

/** How the servers of an endpoint are built. */
export type BuildModern = typeof modernBuilder;

/**
 * Serves the requests of the era without a handshake: each by a server of its own, from any process of this user. What was
 * shown to a human is remembered by caller, since no connection tells it.
 */
export function openModern(
  deps: Deps,
  options: ModernHttpOptions,
  builder: BuildModern = modernBuilder,
): ModernEndpoint {
  const known: Conversations = conversations();
  const build = builder(deps, options, known.of);
  const handler = createMcpHandler(build, {
    legacy: "reject",
    maxRequestBodySize: options.maxBodyBytes,
    onerror: () => undefined,
    ...defined({ keepAliveMs: options.keepAliveMs }),
  });
  const watch = watchSubscribed(deps);
  watch.tell = (uri) => handler.notify.resourceUpdated(uri);
  const serve = toNodeHandler(handler, { maxRequestBodySize: options.maxBodyBytes });
  return {
    async handle(request, response, body, user) {
      // An id is its client's alone; what listens ends with its response.
      const listener = { ...(body as object), id: request };
      await watch.hear(listener);
      response.on(
        "close",
        () => void watch.hear({ method: "notifications/cancelled", params: { requestId: request } }),
      );
      const auth = user === undefined ? {} : { auth: authOf(user) };
      await serve(Object.assign(request, auth) as NodeIncomingMessageLike, response, body);
    },
    async close() {
      watch.close();
      await handler.close();
    },
  };
}
