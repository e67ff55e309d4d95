import { Refusal } from "../errors.ts";
import { assertIntact, commit, commitState, type OpenRun, readRun, withRun } from "../journal/journal.ts";
import { noteUse } from "../journal/rulers.ts";
import { certaintyText } from "../kpi/certainty.ts";
import { holdoutText } from "../kpi/holdout.ts";
import type { Call } from "../ports/call.ts";
import { isoSeconds } from "../run/clock.ts";
import { defined } from "../run/defined.ts";
import { iterationLabel } from "../run/labels.ts";
import { runPaths } from "../run/paths.ts";
import type { RunState } from "../run/state.ts";
import { waitFor } from "../run/wait.ts";
import { type HandOff, writeBestModel } from "../stages/hand-off.ts";
import { tryAlignTokens } from "../tokens/align-run.ts";
import { trackRun } from "../tracking/export.ts";
import { obtainConsent } from "./approval/consent.ts";
import { claims, lastScores, lastScorings, scoreUntil } from "./proof/reproduce.ts";
import { assertTargetMet } from "./running/fixed-contract.ts";
import { assertImagesHold } from "./running/image-pins.ts";
import { assertPinsHold, takePins } from "./running/pins.ts";
import { tryRender } from "./running/render-after.ts";
import { describeAction, nextAction } from "./transitions.ts";

export type Finished = {
  readonly state: RunState;
  readonly stopReason: string;
  readonly handOff: HandOff;
  readonly reportPath: string;
  readonly warnings: readonly string[];
};

const summaries: Record<string, string> = {
  metric_met: "Stopped because the final metric contract was met.",
  max_iterations: "Stopped because the configured iteration limit was reached.",
  no_gain:
    "Stopped because the last iterations changed the metric by no more than chance, for as long as the plan bears.",
  cancelled: "Stopped because a human cancelled the run.",
};

/**
 * Ends a run: loop_stop entry, token alignment, hand-off files, report. Every step is idempotent, so the call may be
 * repeated after a crash at any of them.
 *
 * The reason is derived from the run: a target is claimed only when the recomputed contract is met. Ending early as
 * `cancelled` needs a human.
 *
 * @throws Refusal `stage.out-of-order` while stages are left; `metric.bad-result` for a target that the committed
 * inference does not meet; `metric.not-reproduced` when scoring again gives others; `state.tampered` when what the figures rest on was changed; those of `obtainConsent`.
 */
export async function finishLoop(
  runDir: string,
  request: { stopReason?: string | undefined; words?: string | undefined },
  call: Call,
): Promise<Finished> {
  const before = await readRun(runDir, { ...call.deps, whole: true });
  assertIntact(before);
  const reason = stopReason(before.state, request.stopReason);
  if (reason === "cancelled" && before.state.stop_reason === undefined)
    await confirmCancel(runDir, request.words, call);
  const warnings: string[] = [];
  if (before.state.stop_reason === undefined) {
    const deadline = performance.now() + waitFor(call.client) * 1000;
    for (const at of await lastScorings(before.state, reason)) await scoreUntil(runDir, at, deadline, call);
  }
  await withRun(
    runDir,
    async (run) => {
      if (run.entries.at(-1)?.stage !== "loop_stop") await closeLog(run, reason, call);
    },
    call.deps,
  );
  warnings.push(...takenAsFound(before.state), ...(before.state.ruler?.change ? [before.state.ruler.change] : []));
  const tokenWarning = await tryAlignTokens(runDir, call.deps);
  if (tokenWarning !== undefined) warnings.push(tokenWarning);
  const { state, handOff } = await withRun(runDir, (run) => handOver(run, call), call.deps);
  const reportWarning = await tryRender(runDir, call.deps);
  const trackWarning = await trackRun(runDir, state, call.deps.env);
  warnings.push(...[reportWarning, trackWarning].filter((warning) => warning !== undefined));
  return { state, stopReason: state.stop_reason ?? reason, handOff, reportPath: runPaths(runDir).report, warnings };
}

/** Whoever reads a final figure must know that a stage it rests on was not run by this server. */
function takenAsFound({ iterations, current_iteration }: RunState): string[] {
  const label = iterationLabel(current_iteration);
  const stages = (iterations[label]?.adopted ?? []).filter((stage) => stage === "train" || stage === "evaluate");
  return stages.map((stage) => `The figure of ${label} rests on ${stage}, which ran outside this server.`);
}

function stopReason(state: RunState, asked: string | undefined): string {
  if (state.stop_reason !== undefined) return state.stop_reason;
  const next = nextAction(state);
  const derived =
    next.action === "finish_loop"
      ? next.reason
      : next.action === "acknowledge_or_finish"
        ? `hard_stop:${next.code}`
        : undefined;
  if (asked === "cancelled") return asked;
  if (derived === undefined) {
    throw new Refusal("stage.out-of-order", "The loop is not at its end.", { next: describeAction(next) });
  }
  if (asked !== undefined && asked !== derived) {
    throw new Refusal("stage.out-of-order", "The run does not support that stop reason.", {
      requested: asked,
      derived,
    });
  }
  return derived;
}

async function confirmCancel(runDir: string, words: string | undefined, call: Call): Promise<void> {
  const shown = call.connection.notes.has(`status:${runDir}`);
  call.connection.notes.set(`status:${runDir}`, true);
  await obtainConsent(
    {
      title: "End the run now",
      message: `End this run before its target or limit is reached?\n\n${runDir}`,
      terminalCommand: `deft-mcp call finish_loop '{"run":"${runDir}","stop_reason":"cancelled"}'`,
      preauthorised: false,
      shown,
      facts: { would_end: runDir },
      words,
      act: "stop",
    },
    call,
  );
}

async function closeLog(run: OpenRun, reason: string, call: Call): Promise<void> {
  if (reason === "metric_met") await assertTargetMet(run.state);
  // A figure is claimed for the files and images that it was measured on; a run that ends otherwise claims none.
  if (claims.includes(reason)) {
    await assertPinsHold(run.state);
    await assertImagesHold(run.runDir, run.state);
  }
  const found: Pick<RunState, "score_proof" | "holdout"> = {};
  for (const at of await lastScorings(run.state, reason)) Object.assign(found, await lastScores(run, at, call.deps));
  const started = Date.parse(run.state.started_at);
  const seconds = (call.deps.clock.now().getTime() - started) / 1000;
  await commit(
    run,
    { ...run.state, stop_reason: reason, ...found, pins: { ...run.state.pins, ...(await holdoutPins(found)) } },
    {
      iter: iterationLabel(run.state.current_iteration),
      stage: "loop_stop",
      status: "ok",
      summary: [
        summaries[reason] ?? `Stopped because of ${reason.replace(":", " ")}.`,
        ...howSure(run.state, reason),
        ...(found.holdout === undefined ? [] : [holdoutText(found.holdout)]),
      ].join(" "),
      duration_sec: Math.max(1, Math.round(seconds)),
    },
    call.deps,
  );
  await noteHoldout(run, found, call);
}

/** How often the frozen test set was looked at is known outside the workspace. */
async function noteHoldout({ runDir, state }: OpenRun, { holdout }: Pick<RunState, "holdout">, { deps }: Call) {
  if (holdout === undefined) return;
  const place = { workspace: state.config.workspace, set: "holdout", env: deps.env } as const;
  const { iteration, at, ruler, far_pct } = holdout;
  await noteUse(place, runDir, { iteration, at, ruler, far_pct });
}

async function holdoutPins({ holdout }: Pick<RunState, "holdout">): Promise<Record<string, string>> {
  return holdout === undefined ? {} : await takePins([holdout.inference_csv]);
}

/** Whether the bound or only the point meets the target that is claimed. */
function howSure({ metric_contract, iterations, current_iteration }: RunState, reason: string): string[] {
  if (reason !== "metric_met") return [];
  const text = certaintyText(metric_contract, iterations[iterationLabel(current_iteration)]?.metric_result?.counts);
  return text === undefined ? [] : [`${text.charAt(0).toUpperCase()}${text.slice(1)}`];
}

async function handOver(run: OpenRun, call: Call): Promise<Pick<Finished, "state" | "handOff">> {
  const { state } = run;
  run.proof.assertHeld();
  const handOff = await writeBestModel(run.runDir, state);
  const next: RunState = {
    ...state,
    status: state.hard_stop === undefined ? "complete" : "failed",
    completed_at: state.completed_at ?? isoSeconds(call.deps.clock.now()),
    ...defined({ final_artifacts: handOff.outcome === "skipped" ? undefined : artifactsOf(handOff) }),
  };
  if (state.completed_at === undefined) await commitState(run, next);
  return { state: next, handOff };
}

function artifactsOf({ best_model_json, inference_spec }: Extract<HandOff, { outcome: "written" }>) {
  return { best_model_json, inference_spec };
}
