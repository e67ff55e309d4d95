import { Refusal } from "../../errors.ts";
import { acceptAsBase, stateDigest } from "../../journal/integrity.ts";
import { type Run, readRun } from "../../journal/journal.ts";
import type { Deps } from "../../ports/call.ts";
import type { HardStop } from "../../run/state.ts";
import { changedImages } from "../running/image-pins.ts";
import { changedFacts, changedPins, changedSinceCommit } from "../running/pins.ts";

/** What stands between a run and its next stage, as a human is asked about it. */
export type PendingStop = {
  readonly code: string;
  readonly message: string;
  readonly facts: unknown;
  /** Equal for the same stop on the same files: a yes to one stop is none to the next, nor to a further edit. */
  readonly mark: string;
};

/** What stops a run, as far as its state and log tell; files that it pinned are not read. */
export function stopOf(run: Pick<Run, "state" | "entries" | "integrity" | "head">): PendingStop | undefined {
  const { state, entries, integrity, head } = run;
  if (!integrity.ok) {
    const mark = `state.tampered ${stateDigest(state)} ${acceptAsBase(entries).digest} ${head?.revision ?? ""}`;
    return { code: "state.tampered", message: integrity.what, facts: integrity.facts, mark };
  }
  const { hard_stop } = state;
  return hard_stop === undefined ? undefined : { ...hard_stop, mark: markOf(hard_stop) };
}

export function markOf({ code, at, iteration, stage }: HardStop): string {
  return [code, at, iteration, stage].join(" ");
}

/** The same with the files that were touched since the last commit: what the next stage would refuse. */
export async function stopSeen(run: Run): Promise<PendingStop | undefined> {
  const { state, entries } = run;
  // A closed run claims what it claimed; nothing of it is used any more.
  const stop = stopOf(run);
  if (stop !== undefined || state.completed_at !== undefined) return stop;
  const since = entries.at(-1)?.ts ?? state.started_at;
  return filesStop([...(await changedSinceCommit(state, since)), ...(await changedImages(run.runDir, state))]);
}

function filesStop(changed: readonly { path: string; now: string | undefined }[]): PendingStop | undefined {
  if (changed.length === 0) return undefined;
  const mark = changed.map(({ path, now }) => `${path} ${now}`).join("\n");
  return { code: "state.tampered", message: "committed artifacts were changed", facts: changedFacts(changed), mark };
}

/** The same with the pinned files read. @throws Refusal `stage.not-running` when nothing stops the run. */
export async function stopIn(run: Run): Promise<PendingStop> {
  const stop = stopOf(run);
  if (stop !== undefined) return stop;
  const found = filesStop([...(await changedPins(run.state)), ...(await changedImages(run.runDir, run.state))]);
  if (found === undefined) throw new Refusal("stage.not-running", "The run is not stopped.", { run: run.runDir });
  return found;
}

/** @throws Refusal `stage.not-running`. */
export async function pendingStop(runDir: string, deps: Deps): Promise<PendingStop> {
  return await stopIn(await readRun(runDir, { ...deps, whole: true }));
}
