import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import type { Deps } from "../ports/call.ts";
import { watchResources } from "./resource-watch.ts";

/** Tells a client when a resource of a run that it subscribed to changed. */
export function offerSubscriptions(server: Server, deps: Deps): void {
  const watch = watchResources(deps, (uri) => server.sendResourceUpdated({ uri }));
  server.setRequestHandler(SubscribeRequestSchema, async ({ params: { uri } }) => {
    await watch.add(uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    watch.remove(uri);
    return {};
  });
  const closed = server.onclose;
  server.onclose = () => {
    watch.close();
    closed?.();
  };
}
