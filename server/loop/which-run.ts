import { isAbsolute, resolve } from "node:path";
import { Refusal } from "../errors.ts";
import { kindOf } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { findRuns } from "../preflight/unfinished.ts";
import { resolveWorkspace } from "../preflight/workspace.ts";
import { runPaths } from "../run/paths.ts";

/** Which run a call means: a run directory or id, and the workspace to look in. */
export type RunChoice = { readonly run?: string | undefined; readonly workspace?: string | undefined };

/**
 * The directory of the run that a call means: the one named by path or id, else the only unfinished run of the
 * workspace; with `orLatest`, else the newest run of all, for calls that only read.
 *
 * @throws Refusal `input.no-run`, `input.run-ambiguous` with the candidates, `input.no-workspace`.
 */
export async function resolveRun(choice: RunChoice, deps: Deps, options: { orLatest?: boolean } = {}): Promise<string> {
  const { run } = choice;
  if (run !== undefined && (isAbsolute(run) || run.includes("/"))) {
    const runDir = resolve(deps.cwd, run);
    if ((await kindOf(runPaths(runDir).state)) !== "file") {
      throw new Refusal("input.no-run", "No deft_state.json in the named directory.", { run: runDir });
    }
    return runDir;
  }
  const { workspace } = await resolveWorkspace(choice.workspace, deps);
  const runs = await findRuns(workspace);
  if (run !== undefined) {
    const found = runs.find((one) => one.run_id === run);
    if (found) return found.run_dir;
    throw new Refusal("input.no-run", "No run of this workspace has that name.", {
      run,
      candidates: runs.map((one) => one.run_id),
    });
  }
  const unfinished = runs.filter((one) => one.unfinished);
  if (unfinished.length > 1) {
    const candidates = unfinished.map((one) => ({
      run: one.run_id,
      status: one.status,
      iteration: one.current_iteration,
    }));
    throw new Refusal("input.run-ambiguous", "Several runs are unfinished.", { candidates });
  }
  const only = unfinished[0] ?? (options.orLatest ? runs.at(-1) : undefined);
  if (only) return only.run_dir;
  throw new Refusal("input.no-run", "The workspace has no unfinished run.", { workspace });
}
