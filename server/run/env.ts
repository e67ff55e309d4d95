import { homedir } from "node:os";
import { join } from "node:path";

/** Environment variables as a process has them. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where this program keeps what belongs to a user and no run: below XDG_STATE_HOME, or below XDG_CONFIG_HOME. */
export function userDir(env: Env, kind: "state" | "config"): string {
  const home = env.HOME || homedir();
  const base = {
    state: env.XDG_STATE_HOME || join(home, ".local", "state"),
    config: env.XDG_CONFIG_HOME || join(home, ".config"),
  };
  return join(base[kind], "deft-mcp");
}
