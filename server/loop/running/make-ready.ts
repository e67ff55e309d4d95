import { readRun } from "../../journal/journal.ts";
import type { Call } from "../../ports/call.ts";
import type { StageRef } from "../../run/labels.ts";
import { waitUntil } from "../../run/wait.ts";
import { executorOf } from "./advance.ts";

const pace = { first_ms: 60, most_ms: 1000 };

type Prepared = { readonly cleared: readonly string[] } & (
  | { readonly state: "ready" }
  | { readonly state: "working"; readonly message: string; readonly at: StageRef }
);

/**
 * Lets the platform put right what the approved plan named as fixable, before the first stage of the run starts, and
 * waits for it until `deadline`. What it cleared during this call is told line by line. `nextStage` is asked first: it
 * refuses a run that may not go on.
 *
 * @throws Refusal of the step that failed; nothing has trained then.
 */
export async function makeReady(
  runDir: string,
  nextStage: () => Promise<StageRef>,
  deadline: number,
  call: Call,
): Promise<Prepared> {
  const executor = await executorOf(await readRun(runDir, call.deps), call.deps);
  const prepare = executor.makeReady?.bind(executor);
  if (prepare === undefined) return { state: "ready", cleared: [] };
  const at = await nextStage();
  let told: number | undefined;
  let prepared: Prepared = { state: "working", message: "preparing the run", cleared: [], at };
  await waitUntil(
    async (last) => {
      const now = await prepare(runDir);
      // A run that was ready before this call has told everything already.
      const cleared = told === undefined && now.state === "ready" ? [] : now.cleared;
      prepared = now.state === "ready" ? { state: "ready", cleared } : { ...now, at };
      for (const line of prepared.cleared.slice(told)) call.progress(line);
      told = now.cleared.length;
      if (now.state === "ready") return true;
      if (!last) call.progress(`preparing: ${now.message}`);
      return undefined;
    },
    pace,
    { deadline, signal: call.signal },
  );
  return prepared;
}
