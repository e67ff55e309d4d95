import { join, resolve } from "node:path";
import { Refusal } from "../errors.ts";
import { kindOf } from "../fs/read.ts";
import type { Call, Deps } from "../ports/call.ts";
import { isRunPath, knownRuns, runAtPath } from "../preflight/known-runs.ts";
import { type FoundRun, findRuns, runAt, runsAt } from "../preflight/unfinished.ts";
import { resolveWorkspace } from "../preflight/workspace.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";

/** Which run a call means: a run directory or id, and the workspace to look in. */
export type RunChoice = { readonly run?: string | undefined; readonly workspace?: string | undefined };

type Options = {
  /** For calls that may be about a closed run: else the newest of the workspace. */
  readonly orLatest?: boolean;
  readonly connection?: Call["connection"];
};

const lastRun = "run:last";

/** Remembers the run that a conversation is about. */
export function rememberRun(runDir: string, { connection }: Pick<Call, "connection">): void {
  connection.notes.set(lastRun, runDir);
}

/**
 * The directory of the run that a tool call means, by one rule for every tool: the run it names by path or id; else the
 * only unfinished one of the workspace it names; else the run that this conversation was last about, while it is open;
 * else the only unfinished run of the default workspace, and of all that this user's servers know.
 *
 * @throws Refusal `input.no-run`, `input.run-ambiguous` with the candidates, `input.no-workspace`.
 */
export async function runOfCall(choice: RunChoice, call: Call, options: { orLatest?: boolean } = {}): Promise<string> {
  const runDir = await resolveRun(choice, call.deps, { ...options, connection: call.connection });
  rememberRun(runDir, call);
  return runDir;
}

/** The same outside a conversation. */
export async function resolveRun(choice: RunChoice, deps: Deps, options: Options = {}): Promise<string> {
  const { run, workspace } = choice;
  if (run !== undefined) return await namedRun(run, workspace, deps);
  const last = options.connection?.notes.get(lastRun);
  if (workspace === undefined && typeof last === "string" && (await isUsable(last, options))) return last;
  const place = await workspaceOrNone(workspace, deps);
  const here = place === undefined ? [] : await findRuns(place, deps.env);
  const open = here.filter((one) => one.unfinished);
  const elsewhere = workspace === undefined && open.length === 0 ? await knownRuns(deps) : [];
  const candidates = open.length > 0 ? open : elsewhere.filter((one) => one.unfinished);
  if (candidates.length > 1) throw ambiguous(candidates);
  const only = candidates[0] ?? (options.orLatest ? (here.at(-1) ?? newest(elsewhere)) : undefined);
  if (only) return only.run_dir;
  if (place === undefined) await resolveWorkspace(workspace, deps);
  throw new Refusal("input.no-run", "The workspace has no unfinished run.", { workspace: place });
}

async function namedRun(run: string, workspace: string | undefined, deps: Deps): Promise<string> {
  const place = await workspaceOrNone(workspace, deps);
  if (isRunPath(run)) {
    const found = await runAtPath(run, deps, place);
    if (found !== undefined) return found;
    throw new Refusal("input.no-run", "No deft_state.json in the named directory.", { run: resolve(deps.cwd, run) });
  }
  const mayBeId = place !== undefined && /^run_[^/\0]{1,200}$/.test(run);
  const inPlace = mayBeId ? await runsAt([join(workspacePaths(place).results, run)]) : [];
  const named = inPlace.length > 0 || workspace !== undefined ? inPlace : await knownRuns(deps, run);
  if (named.length > 1) throw ambiguous(named);
  if (named[0]) return named[0].run_dir;
  const here = place === undefined ? [] : await findRuns(place, deps.env);
  const known = workspace === undefined ? await knownRuns(deps) : [];
  if (place === undefined && known.length === 0) await resolveWorkspace(workspace, deps);
  const candidates = [...here.map((one) => one.run_id), ...known.map((one) => one.run_dir)].slice(0, 20);
  throw new Refusal("input.no-run", "No run has that name.", { run: run.slice(0, 160), candidates });
}

/** A workspace that was named must be one; where none was, there may be none. */
async function workspaceOrNone(workspace: string | undefined, deps: Deps): Promise<string | undefined> {
  try {
    return (await resolveWorkspace(workspace, deps)).workspace;
  } catch (error) {
    if (workspace !== undefined || !(error instanceof Refusal) || error.code !== "input.no-workspace") throw error;
    return undefined;
  }
}

async function isUsable(runDir: string, { orLatest }: Options): Promise<boolean> {
  if ((await kindOf(runPaths(runDir).state)) !== "file") return false;
  return orLatest === true || (await runAt(runDir))?.unfinished === true;
}

function newest(runs: readonly FoundRun[]): FoundRun | undefined {
  return runs.toSorted((a, b) => (a.started_at ?? "").localeCompare(b.started_at ?? "")).at(-1);
}

/** Candidates by path: ids of several workspaces may be equal. */
function ambiguous(runs: readonly FoundRun[]): Refusal {
  const candidates = runs.map((one) => ({ run: one.run_dir, status: one.status, iteration: one.current_iteration }));
  return new Refusal("input.run-ambiguous", "Several runs are unfinished.", { candidates });
}
