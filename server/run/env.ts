import { homedir } from "node:os";
import { join } from "node:path";

/** Environment variables as a process has them. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where this program keeps what belongs to a user and no run: below XDG_STATE_HOME, XDG_CONFIG_HOME or XDG_CACHE_HOME. */
export function userDir(env: Env, kind: "state" | "config" | "cache"): string {
  const home = env.HOME || homedir();
  const base = {
    state: env.XDG_STATE_HOME || join(home, ".local", "state"),
    config: env.XDG_CONFIG_HOME || join(home, ".config"),
    cache: env.XDG_CACHE_HOME || join(home, ".cache"),
  };
  return join(base[kind], "deft-mcp");
}
