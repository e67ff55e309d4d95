import { isAbsolute } from "node:path";
import { runEngine } from "../../engine/main.ts";
import { awaitedLine, follows } from "../exec/awaited-line.ts";
import type { Task } from "../exec/program.ts";
import type { CliIo } from "./io.ts";

/**
 * `deft-mcp engine PROGRAM ARGS`: one entry point of the embedded engine, with the containers' arguments. One that its
 * keeper started ahead has `-` instead of them.
 */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv[0] === follows) return await runTask(io);
  const { stdout, stderr, env, cwd } = io;
  return await runEngine(argv, { stdout, stderr, env, cwd, mapPath: mountMap(env) });
}

async function runTask({ stderr, env }: CliIo): Promise<number> {
  // With this the code of nearly all entry points is loaded.
  await import("../../engine/entries/train.ts");
  const line = await awaitedLine();
  if (line === undefined) return 0;
  const { argv, env: more, workdir } = JSON.parse(line) as Task;
  process.chdir(workdir);
  Object.assign(process.env, more);
  // Through one pipe lines keep their order.
  const io = { stdout: stderr, stderr, env: { ...env, ...more }, cwd: workdir };
  return await runEngine(argv, { ...io, mapPath: mountMap(io.env) });
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
