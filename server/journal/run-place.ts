import { basename, join } from "node:path";
import { Refusal } from "../errors.ts";
import { realPathOf } from "../fs/contained.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";
import type { RunState } from "../run/state.ts";

/**
 * Proves that a run lies where it was created and that nothing of it which is written in place is a link elsewhere.
 *
 * @throws Refusal `state.tampered` for a run directory that was copied or moved: its state speaks of files elsewhere;
 * `gate.path-outside-workspace` for one, or a part of it, that was exchanged for a link.
 */
export async function assertInPlace(runDir: string, state: RunState): Promise<void> {
  const [here, recorded] = [await realPathOf(runDir), await realPathOf(state.results_dir)];
  if (here !== recorded) {
    const facts = { run: runDir, results_dir: state.results_dir };
    throw new Refusal("state.tampered", "deft_state.json belongs to another run directory.", facts);
  }
  const workspace = await realPathOf(state.plan.workspace);
  const { log, jobs } = runPaths(runDir);
  const places = [
    [runDir, here, join(workspacePaths(workspace).results, basename(state.results_dir))],
    ...(await Promise.all([log, jobs].map(async (path) => [path, await realPathOf(path), join(here, basename(path))]))),
  ];
  for (const [path, resolved, expected] of places) {
    if (resolved === expected) continue;
    const message = "A part of the run was exchanged for a link.";
    throw new Refusal("gate.path-outside-workspace", message, { path, resolved, expected });
  }
}
