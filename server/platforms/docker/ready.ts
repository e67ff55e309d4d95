import { dirname } from "node:path";
import { Refusal, type RefusalCode } from "../../errors.ts";
import { spawnDetached } from "../../exec/detached.ts";
import { identityOf, isOwnerAlive } from "../../exec/identity.ts";
import { setAside } from "../../fs/aside.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { readAs } from "../../fs/json.ts";
import { takeTurn, turnBegins, turnTaken } from "../../fs/turn.ts";
import type { Readiness } from "../../ports/executor.ts";
import { runPaths } from "../../run/paths.ts";
import { runStateSchema } from "../../run/state.ts";
import { fixes } from "./fixes.ts";
import { type FixContext, type Ready, readinessPlaces, readReadiness } from "./readiness.ts";

/** A process that has not begun by then is not waited for; the next call looks again. */
const startLimitMs = 3000;

/**
 * Where the preparation of a run stands; starts its process when none works on it.
 *
 * @throws Refusal of the step that failed, once; the next call starts again with what is still missing.
 */
export async function makeReady(runDir: string, options: { main: string; env: NodeJS.ProcessEnv }): Promise<Readiness> {
  const files = readinessPlaces(runDir);
  const now = await readReadiness(files.state);
  if (now?.state === "ready") return { state: "ready", cleared: now.cleared };
  if (now?.state === "failed" && now.failure !== undefined) {
    await setAside(files.state);
    const { code, message, facts } = now.failure;
    throw new Refusal(code as RefusalCode, message, { ...facts, cleared: now.cleared });
  }
  if (!(await turnTaken(files.turn, isOwnerAlive))) {
    await makeDirectory(files.jobs);
    const argv = [process.execPath, options.main, "docker-ready", runDir];
    spawnDetached(argv, { cwd: dirname(options.main), env: options.env, logPath: files.log });
    await turnBegins(files.turn, isOwnerAlive, startLimitMs);
  }
  return { state: "working", message: now?.message ?? "preparing the run", cleared: now?.cleared ?? [] };
}

/** Puts one thing after the other right and notes each; what is right already costs a look. */
export async function prepareRun(runDir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const files = readinessPlaces(runDir);
  const turn = await takeTurn(files.turn, { ...(await identityOf(process.pid)) }, isOwnerAlive);
  if (turn === undefined) return;
  // Another process may have come through while this one was starting.
  if ((await readReadiness(files.state))?.state === "ready") return await turn.release();
  const state = await readAs(runPaths(runDir).state, runStateSchema);
  const mode = state.plan.parameters.network_mode?.value === "airgap" ? "airgap" : "network-enabled";
  let ready: Ready = { state: "working", message: "", cleared: [], network_mode: mode, images: {}, fetched: {} };
  const note = async (change: Partial<Ready>) => {
    ready = { ...ready, ...change };
    await writeAtomic(files.state, JSON.stringify(ready, null, 2));
  };
  try {
    for (const [at, fix] of fixes.entries()) {
      await note({ message: `step ${at + 1} of ${fixes.length}: ${fix.title}` });
      const context: FixContext = { runDir, state, env, ready, say: (message) => note({ message }) };
      const { blockers, ...found } = await fix.run(context);
      const step = at + 1 < fixes.length ? `step ${at + 2}` : "the first stage";
      await note({
        ...found,
        cleared: [...ready.cleared, ...blockers.map((one) => `${one} cleared -> resuming ${step}`)],
      });
    }
    await note({ state: "ready", message: "ready" });
  } catch (error) {
    await note({ state: "failed", failure: failureOf(error) });
  } finally {
    await turn.release();
  }
}

function failureOf(error: unknown): Ready["failure"] {
  if (error instanceof Refusal) return { code: error.code, message: error.message, facts: { ...error.facts } };
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "executor.not-ready", message: "The preparation broke off.", facts: { reason } };
}
