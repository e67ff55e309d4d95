import { setTimeout as sleep } from "node:timers/promises";
import { readRun } from "../../journal/journal.ts";
import type { Call } from "../../ports/call.ts";
import type { StageRef } from "../../run/labels.ts";
import { executorOf } from "./advance.ts";

const pollMs = { first: 60, most: 1000 };

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
  const executor = await executorOf(await readRun(runDir), call.deps);
  if (executor.makeReady === undefined) return { state: "ready", cleared: [] };
  const at = await nextStage();
  let told = 0;
  for (let pause = pollMs.first, first = true; ; first = false) {
    const now = await executor.makeReady(runDir);
    // A run that was ready before this call has told everything already.
    if (first && now.state === "ready") return { state: "ready", cleared: [] };
    for (const line of now.cleared.slice(told)) call.progress(line);
    told = now.cleared.length;
    if (now.state === "ready") return now;
    if (performance.now() >= deadline || call.signal.aborted) return { ...now, at };
    call.progress(`preparing: ${now.message}`);
    await sleep(Math.min(pause, Math.max(0, deadline - performance.now())), undefined, { signal: call.signal }).catch(
      () => undefined,
    );
    pause = Math.min(pollMs.most, pause * 1.5);
  }
}
