import { isAbsolute } from "node:path";
import { runEngine } from "../../engine/main.ts";
import type { CliIo } from "./io.ts";

/** `deft-mcp engine PROGRAM ARGS`: one entry point of the embedded engine, with the containers' arguments. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  return await runEngine(argv, {
    stdout: io.stdout,
    stderr: io.stderr,
    env: io.env,
    cwd: io.cwd,
    mapPath: mountMap(io.env),
  });
}

/** Paths inside a job's mount targets lead to their sources; DEFT_ENGINE_MOUNTS holds the table as JSON pairs. */
function mountMap(env: NodeJS.ProcessEnv): ((path: string) => string) | undefined {
  const text = env.DEFT_ENGINE_MOUNTS;
  if (text === undefined) return undefined;
  const mounts = JSON.parse(text) as [source: string, target: string][];
  return (path) => {
    const mount = mounts.find(([, target]) => isAbsolute(path) && (path === target || path.startsWith(`${target}/`)));
    return mount ? mount[0] + path.slice(mount[1].length) : path;
  };
}
