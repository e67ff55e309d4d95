import { stampOf } from "../fs/stamp.ts";
import type { Deps } from "../ports/call.ts";

const lookEveryMs = 500;

/** Resources that somebody wants to hear of; nothing is looked at while there are none. */
export type Watch = {
  add(uri: string): Promise<void>;
  remove(uri: string): void;
  close(): void;
};

/**
 * Tells when a resource of a run changed, whoever committed: this server, another one, or a command. The disk is looked
 * at, because a commit may come from any process.
 */
export function watchResources(deps: Deps, tell: (uri: string) => Promise<void>): Watch {
  const seen = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    for (const [uri, before] of seen) {
      const now = await stampBehind(uri, deps);
      if (now === before || !seen.has(uri)) continue;
      seen.set(uri, now);
      await tell(uri);
    }
  };
  const rest = () => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    async add(uri) {
      seen.set(uri, await stampBehind(uri, deps));
      timer ??= setInterval(() => look().catch(() => undefined), lookEveryMs).unref();
    },
    remove(uri) {
      seen.delete(uri);
      if (seen.size === 0) rest();
    },
    close() {
      seen.clear();
      rest();
    },
  };
}

async function stampBehind(uri: string, deps: Deps): Promise<string> {
  const { runFileOf } = await import("./resources.ts");
  const file = await runFileOf(uri, deps);
  return file === undefined ? "absent" : stampOf(file.path);
}
