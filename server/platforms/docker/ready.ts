import { ensureKeeper, type Work } from "../../durable/keeper.ts";
import { jobOf, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { setAside } from "../../fs/aside.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAs } from "../../fs/json.ts";
import type { Readiness } from "../../ports/executor.ts";
import { runPaths } from "../../run/paths.ts";
import { runStateSchema } from "../../run/state.ts";
import { withWorkspaceKeys } from "../../run/workspace-keys.ts";
import { type Fix, type FixContext, type Ready, readinessStem, readReadiness } from "./readiness.ts";

/**
 * Where the preparation of a run stands; starts its keeper when none works on it.
 *
 * @throws Refusal of the step that failed, once; the next call starts again with what is still missing.
 */
export async function makeReady(
  runDir: string,
  options: { kind: string; main: string; env: NodeJS.ProcessEnv },
): Promise<Readiness> {
  const stem = readinessStem(runDir);
  const now = await readReadiness(stem);
  if (now?.state === "ready") return { state: "ready", cleared: now.cleared };
  await ensureKeeper({ stem, ...options });
  return { state: "working", message: now?.message ?? "preparing the run", cleared: now?.cleared ?? [] };
}

/** What the keeper of a preparation does: it puts one thing after the other right; what is right costs a look. */
export function preparation(fixes: readonly Fix[]): Work {
  return { run: ({ stem, env }) => prepare(fixes, stem, env) };
}

async function prepare(fixes: readonly Fix[], stem: string, env: NodeJS.ProcessEnv): Promise<void> {
  // Another keeper may have come through while this one was starting.
  if ((await readReadiness(stem))?.state === "ready") return;
  const { runDir } = jobOf(stem);
  const state = await readAs(runPaths(runDir).state, runStateSchema);
  const keys = await withWorkspaceKeys(env, state.config.workspace);
  const mode = state.plan.parameters.network_mode?.value === "airgap" ? "airgap" : "network-enabled";
  let ready: Ready = { state: "working", message: "", cleared: [], network_mode: mode, images: {}, fetched: {} };
  const note = async (change: Partial<Ready>) => {
    ready = { ...ready, ...change };
    await writeAtomic(workFiles(stem).record, JSON.stringify(ready, null, 2));
  };
  try {
    for (const [at, fix] of fixes.entries()) {
      await note({ message: `step ${at + 1} of ${fixes.length}: ${fix.title}` });
      const context: FixContext = { runDir, state, env: keys, ready, say: (message) => note({ message }) };
      const { blockers, ...found } = await fix.run(context);
      const step = at + 1 < fixes.length ? `step ${at + 2}` : "the first stage";
      const cleared = blockers.map((one) => `${one} cleared -> resuming ${step}`);
      await note({ ...found, cleared: [...ready.cleared, ...cleared] });
    }
    await note({ state: "ready", message: "ready" });
  } catch (error) {
    // The next preparation tells its own story.
    await setAside(workFiles(stem).record);
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, error.message, { ...error.facts, cleared: ready.cleared });
  }
}
