import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { kindOf } from "../fs/read.ts";
import { keptRunDirs } from "../journal/heads.ts";
import type { Deps } from "../ports/call.ts";
import { runPaths } from "../run/paths.ts";
import { type FoundRun, findRuns } from "./unfinished.ts";

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
 * A run of a directory that is gone, or that was never committed to, is none of them.
 */
export async function knownRuns({ env }: Here): Promise<FoundRun[]> {
  const dirs = await keptRunDirs(env);
  const workspaces = new Set(dirs.map((dir) => dirname(dirname(dir))));
  const found = await Promise.all([...workspaces].map((workspace) => findRuns(workspace)));
  return found.flat().filter(({ run_dir }) => dirs.includes(run_dir));
}

/** The workspace of the run that an argument names by path or id, where no workspace was named beside it. */
export async function workspaceOfRun(run: string, here: Here): Promise<string | undefined> {
  const runDir = isRunPath(run)
    ? await runAtPath(run, here)
    : (await keptRunDirs(here.env)).find((dir) => basename(dir) === run);
  return runDir !== undefined && basename(dirname(runDir)) === "results" ? join(runDir, "..", "..") : undefined;
}
