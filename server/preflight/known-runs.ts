import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { kindOf } from "../fs/read.ts";
import { keptRunDirs } from "../journal/heads.ts";
import type { Deps } from "../ports/call.ts";
import { runPaths } from "../run/paths.ts";
import { type FoundRun, runsAt } from "./unfinished.ts";

type Here = Pick<Deps, "env" | "cwd">;

/** Whether a run is named by where it lies, and not by its id. */
export function isRunPath(run: string): boolean {
  return isAbsolute(run) || run.includes("/");
}

/** The directory that a path names, from the current directory or from a workspace; undefined where no run lies. */
export async function runAtPath(run: string, { cwd }: Here, workspace?: string): Promise<string | undefined> {
  const places = [resolve(cwd, run), ...(workspace === undefined ? [] : [resolve(workspace, run)])];
  for (const place of places) if ((await kindOf(runPaths(place).state)) === "file") return place;
  return undefined;
}

/**
 * The runs that this user's servers committed to, wherever they lie: what is kept outside of every workspace names them.
 * A run of a directory that is gone, or that was never committed to, is none of them. With an id those of that name.
 */
export async function knownRuns({ env }: Here, named?: string): Promise<FoundRun[]> {
  const dirs = (await keptRunDirs(env)).filter((dir) => named === undefined || basename(dir) === named);
  return await runsAt(dirs.sort(), env);
}

/** The workspace of the run that an argument names by path or id, where no workspace was named beside it. */
export async function workspaceOfRun(run: string, here: Here): Promise<string | undefined> {
  const runDir = isRunPath(run) ? await runAtPath(run, here) : (await knownRuns(here, run))[0]?.run_dir;
  return runDir !== undefined && basename(dirname(runDir)) === "results" ? join(runDir, "..", "..") : undefined;
}
