import { isAbsolute } from "node:path";
import { loadEntries, runEngine } from "../../engine/main.ts";
import { becomeJob } from "../exec/ahead.ts";
import type { CliIo } from "./io.ts";

/**
 * `deft-mcp engine PROGRAM ARGS`: one entry point of the embedded engine, with the containers' arguments; `-` waits to be
 * told which.
 */
export async function run(argv: string[], { stdout, stderr, env, cwd }: CliIo): Promise<number> {
  if (argv[0] !== "-") return await runEngine(argv, { stdout, stderr, env, cwd, mapPath: mountMap(env) });
  await loadEntries();
  const job = await becomeJob();
  if (job === undefined) return 0;
  const its = { stdout: job.log, stderr: job.log, env: process.env, cwd: process.cwd() };
  return await runEngine(job.argv, { ...its, mapPath: mountMap(process.env) });
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
