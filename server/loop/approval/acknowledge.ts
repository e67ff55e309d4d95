import { Refusal } from "../../errors.ts";
import { commitAccepted, commitState, type OpenRun, withRun } from "../../journal/journal.ts";
import type { Call } from "../../ports/call.ts";
import { isoSeconds } from "../../run/clock.ts";
import { isIterationLabel, type StageName } from "../../run/labels.ts";
import { membersOf } from "../../run/record.ts";
import type { RunState } from "../../run/state.ts";
import { latestAttempt, saveAttempt } from "../running/attempts.ts";
import { assertContractFixed } from "../running/fixed-contract.ts";
import { acceptImages } from "../running/image-pins.ts";
import { takePins } from "../running/pins.ts";
import { type NextAction, nextAction } from "../transitions.ts";
import { type Consent, type ConsentRequest, obtainConsent } from "./consent.ts";
import { type PendingStop, pendingStop, stopIn } from "./pending-stop.ts";

/** `repaired`: the cause is gone, the stage runs again. `accept`: the finding stands, the evidence is taken as it is. */
export type Resolve = "repaired" | "accept";

export type Acknowledged = {
  readonly state: RunState;
  readonly code: string;
  readonly how: string;
  readonly next: NextAction;
};

/**
 * Lets a human accept a repaired hard stop, a lower yield, or files that were edited behind the server's back.
 *
 * @throws Refusal of `obtainConsent`; `input.invalid` when the stop cannot be accepted as it is;
 * `approval.unchangeable` when the edit touched the metric contract or the plan.
 */
export async function acknowledgeStop(
  runDir: string,
  request: { resolve: Resolve; words?: string | undefined },
  call: Call,
): Promise<Acknowledged> {
  const stop = await pendingStop(runDir, call.deps);
  refuseUnacceptable(stop, request.resolve);
  const asked = consentRequest(runDir, stop, request, call);
  // Should this be refused, the refusal shows the stop: files that were exchanged show nowhere else.
  call.connection.notes.set(`stop:${runDir}`, stop.mark);
  const consent = await obtainConsent(asked, call);
  return await acknowledgeWith(runDir, stop, request.resolve, consent, call);
}

/**
 * The same once consent to `shown` is known, for a person at a terminal.
 *
 * @throws Refusal `state.lock-lost` when the run is stopped by something else by now: nobody agreed to that.
 */
export async function acknowledgeWith(
  runDir: string,
  shown: PendingStop,
  resolve: Resolve,
  consent: Consent,
  call: Call,
): Promise<Acknowledged> {
  refuseUnacceptable(shown, resolve);
  return await withRun(
    runDir,
    async (run) => {
      const stop = await stopIn(run);
      if (stop.mark !== shown.mark) {
        const facts = { run: runDir, shown: shown.code, found: stop.code };
        throw new Refusal("state.lock-lost", "What stops the run changed while the human answered.", facts);
      }
      const note = {
        code: stop.code,
        at: isoSeconds(call.deps.clock.now()),
        accept: resolve === "accept",
        message: stop.message,
        ...consent,
      };
      const state = stop.code === "state.tampered" ? await acceptFiles(run, note) : await reopen(run, note);
      return { state, code: stop.code, how: consent.how, next: nextAction(state) };
    },
    { ...call.deps, allowTampered: true },
  );
}

type Acknowledgement = RunState["acknowledgements"][number];

async function acceptFiles(run: OpenRun, note: Acknowledgement): Promise<RunState> {
  assertContractFixed(run.state);
  run.proof.assertHeld();
  await acceptImages(run.runDir, run.state);
  const present = await takePins(Object.keys(run.state.pins));
  const next = { ...run.state, pins: present, acknowledgements: [...run.state.acknowledgements, note] };
  await commitAccepted(run, next);
  return next;
}

async function reopen(run: OpenRun, note: Acknowledgement): Promise<RunState> {
  const { hard_stop, ...rest } = run.state;
  if (hard_stop === undefined)
    throw new Refusal("state.lock-lost", "The stop was resolved meanwhile.", { run: run.runDir });
  const { iteration, stage } = hard_stop;
  const label = run.state.iterations[iteration];
  const next: RunState = {
    ...rest,
    status: "in_progress",
    iterations: { ...run.state.iterations, [iteration]: { ...label, status: "in_progress" } },
    acknowledgements: [...run.state.acknowledgements, { ...note, iteration, stage }],
  };
  run.proof.assertHeld();
  await settleAttempt(run.runDir, iteration, stage, note.accept === true);
  await commitState(run, next);
  return next;
}

/**
 * Accepted evidence is collected again from the same attempt: its jobs have run and are not repeated. After a repair
 * the attempt is over, also where a crash came between the stop's commit and this note.
 */
async function settleAttempt(runDir: string, iteration: string, stage: string, accept: boolean): Promise<void> {
  if (!isIterationLabel(iteration)) return;
  const attempt = await latestAttempt(runDir, iteration, stage as StageName);
  if (attempt === undefined) return;
  const { finished: _finished, ...open } = attempt;
  await saveAttempt(runDir, accept ? open : { ...open, finished: "error" });
}

/** A gate says in the stop's facts whether its verdict may be accepted as it is; every other cause must be removed. */
function refuseUnacceptable({ code, facts }: PendingStop, resolve: Resolve): void {
  if (resolve === "repaired" || code === "state.tampered" || membersOf(facts).may_be_accepted === true) return;
  throw new Refusal("input.invalid", `${code} cannot be accepted as it is; repair its cause.`, { code });
}

function consentRequest(
  runDir: string,
  stop: PendingStop,
  request: { resolve: Resolve; words?: string | undefined },
  call: Call,
): ConsentRequest {
  const act = request.resolve === "accept" ? "Accept the finding as it stands" : "Confirm that the cause is repaired";
  return {
    title: `${act}: ${stop.code}`,
    message: `${act}.\n\n**${stop.code}**: ${stop.message}\n\nRun: ${runDir}\n\nFacts: ${JSON.stringify(stop.facts)}`,
    terminalCommand: `deft-mcp acknowledge ${runDir}${request.resolve === "accept" ? " --accept" : ""}`,
    preauthorised: (call.deps.env.DEFT_ACKNOWLEDGE ?? "").split(",").includes(stop.code),
    shown: call.connection.notes.get(`stop:${runDir}`) === stop.mark,
    words: request.words,
    facts: { stopped_by: { code: stop.code, message: stop.message, facts: stop.facts } },
  };
}
