import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { stampOf } from "../fs/stamp.ts";
import type { Deps } from "../ports/call.ts";
import { runFileOf } from "./resources.ts";

const lookEveryMs = 500;

/**
 * Tells a client when a resource of a run that it subscribed to changed, whoever committed: this server, another one,
 * or a command. The disk is looked at, because a commit may come from any process.
 */
export function offerSubscriptions(server: Server, deps: Deps): void {
  const seen = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    for (const [uri, before] of seen) {
      const now = await stampBehind(uri, deps);
      if (now === before || !seen.has(uri)) continue;
      seen.set(uri, now);
      await server.sendResourceUpdated({ uri });
    }
  };
  const watch = () => {
    timer ??= setInterval(() => look().catch(() => undefined), lookEveryMs).unref();
  };
  const rest = () => {
    clearInterval(timer);
    timer = undefined;
  };
  server.setRequestHandler(SubscribeRequestSchema, async ({ params: { uri } }) => {
    seen.set(uri, await stampBehind(uri, deps));
    watch();
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    seen.delete(uri);
    if (seen.size === 0) rest();
    return {};
  });
  const closed = server.onclose;
  server.onclose = () => {
    rest();
    closed?.();
  };
}

async function stampBehind(uri: string, deps: Deps): Promise<string> {
  const file = await runFileOf(uri, deps);
  return file === undefined ? "absent" : stampOf(file.path);
}
