import { hostname } from "node:os";
import { Refusal } from "../errors.ts";
import { identityOf, isAlive } from "../exec/identity.ts";
import { appendDurable, writeAtomic } from "../fs/atomic.ts";
import { realPathOf } from "../fs/contained.ts";
import { type LockOwner, type LockProof, withLock } from "../fs/lock.ts";
import { kindOf } from "../fs/read.ts";
import { isoMicros } from "../run/clock.ts";
import { processIdentitySchema } from "../run/job.ts";
import type { IterationLabel, LogStageName } from "../run/labels.ts";
import { runPaths } from "../run/paths.ts";
import { type LogEntry, type RunState, runStateSchema } from "../run/state.ts";
import type { Deps } from "./call.ts";
import {
  acceptAsBase,
  checkIntegrity,
  entryDigest,
  headDigest,
  type IntegrityFinding,
  stateDigest,
} from "./integrity.ts";
import { lastSeq, readLog, setTornLineAside } from "./log-file.ts";
import { noRun, readState } from "./read-state.ts";

/** A run as it lies on disk. */
export type Run = {
  readonly runDir: string;
  readonly state: RunState;
  readonly entries: readonly LogEntry[];
  readonly integrity: IntegrityFinding;
  /** What opening had to mend, for people. */
  readonly notes: readonly string[];
};

/** A run opened for writing: holds the lock until `withRun` returns. */
export type OpenRun = Run & { readonly proof: LockProof };

/** One line for the log, before it gets its number, time and digest. */
export type NewEntry = {
  readonly iter: IterationLabel;
  readonly stage: LogStageName;
  readonly status: "ok" | "error";
  readonly summary: string;
  readonly duration_sec: number;
};

/** The places where a commit touches the disk; a test kills the process at each. */
export type CommitStep = "state-with-pending" | "log-line" | "state-clean";
export type StepHook = (step: CommitStep) => void;

/**
 * Reads a run without lock or change. A commit caught between its two writes shows as already made.
 *
 * @throws Refusal `input.no-run`, `state.corrupt`, `state.foreign-version`.
 */
export async function readRun(runDir: string): Promise<Run> {
  const state = await readState(runDir);
  const log = await readLog(runPaths(runDir).log);
  const notes = log.torn === undefined ? [] : ["loop_log.jsonl ends in a torn line; the next change sets it aside"];
  const { pending } = state;
  const entries = pending && missesPending(log.entries, pending) ? [...log.entries, pending] : log.entries;
  return { runDir, state, entries, integrity: checkIntegrity(state, entries), notes };
}

/**
 * Opens a run for a change: takes the lock, finishes or rolls back what a crash left, checks the digest chain.
 *
 * @throws Refusal `state.locked`; `state.tampered` when files were edited behind the server's back, unless
 * `allowTampered` (a human is just about to accept the edit).
 */
export async function withRun<T>(
  runDir: string,
  work: (run: OpenRun) => Promise<T>,
  options: { allowTampered?: boolean } = {},
): Promise<T> {
  const paths = runPaths(runDir);
  if ((await kindOf(paths.state)) === "absent") throw noRun(runDir);
  const owner = { ...(await identityOf(process.pid)), host: hostname() };
  return withLock(paths.lock, { owner, isAlive: isOwnerAlive }, async (proof) => {
    const notes = await recover(runDir, proof);
    const run = await readRun(runDir);
    await refuseMoved(run);
    if (!run.integrity.ok && options.allowTampered !== true) {
      throw new Refusal("state.tampered", `${run.integrity.what}.`, { run: runDir, ...run.integrity.facts });
    }
    return await work({ ...run, notes: [...notes, ...run.notes], proof });
  });
}

/** An owner on another host is known only by the lock's beat; five minutes without one are no mere stall. */
const silenceLimitMs = 300_000;

async function isOwnerAlive(record: LockOwner, silentMs: number): Promise<boolean> {
  const parsed = processIdentitySchema.safeParse(record);
  if (!parsed.success || record.host !== hostname()) return silentMs < silenceLimitMs;
  return await isAlive(parsed.data);
}

/**
 * Commits the next state together with its log line.
 *
 * Order: state with the line pending, log line, state without it. A kill between any two of them leaves a run that
 * opens as exactly the state before or the state after. Right before the first write the disk is read again, and the
 * lock is proved before each: a process that stalled and lost it meanwhile writes nothing more.
 */
export async function commit(
  run: OpenRun,
  next: RunState,
  entry: NewEntry,
  deps: Deps,
  hook: StepHook = () => {},
): Promise<LogEntry> {
  await assertUnchanged(run);
  const paths = runPaths(run.runDir);
  const base = run.state.integrity?.base;
  const line = numberedLine(entry, run.entries, base, deps);
  const sealed = seal(next, [...run.entries, line], base);
  hook("state-with-pending");
  await writeHeld(run, paths.state, stateText({ ...sealed, pending: line }));
  hook("log-line");
  run.proof.assertHeld();
  await appendDurable(paths.log, `${JSON.stringify(line)}\n`);
  hook("state-clean");
  await writeHeld(run, paths.state, stateText(sealed));
  return line;
}

/** Commits a change of state that is no stage event: an approval, an acknowledgement, final artifacts. */
export async function commitState(run: OpenRun, next: RunState): Promise<void> {
  await assertUnchanged(run);
  await writeHeld(run, runPaths(run.runDir).state, stateText(seal(next, run.entries, run.state.integrity?.base)));
}

/** Commits a state and log that somebody edited, as they now stand: a human accepted them. */
export async function commitAccepted(run: OpenRun, next: RunState): Promise<void> {
  await assertUnchanged(run);
  const sealed = seal(next, run.entries, acceptAsBase(run.entries));
  await writeHeld(run, runPaths(run.runDir).state, stateText(sealed));
}

/**
 * Writes what each entry's stage cost into the log: the one sanctioned rewrite of it. Nothing but `tokens` and
 * `context_tokens` changes, which the digests leave out. Says whether anything differed.
 */
export async function backfillTokens(run: OpenRun, usage: ReadonlyMap<number, Tokens>): Promise<boolean> {
  const line = (entry: LogEntry) => `${JSON.stringify(entry)}\n`;
  const before = run.entries.map(line).join("");
  const filled = run.entries.map((entry) => {
    const tokens = usage.get(entry.seq);
    return tokens === undefined ? entry : { ...entry, context_tokens: tokens.context_size_end, tokens };
  });
  const after = filled.map(line).join("");
  if (after === before) return false;
  await assertUnchanged(run);
  await writeHeld(run, runPaths(run.runDir).log, after);
  return true;
}

/**
 * Writes the first state of a run into its prepared directory; from then on the run exists. With an entry the run
 * begins with a committed stage: the line is pending in the very first write, and opening the run finishes it.
 */
export async function createState(runDir: string, state: RunState, entry?: NewEntry, deps?: Pick<Deps, "clock">) {
  const line = entry && deps ? numberedLine(entry, [], undefined, deps) : undefined;
  const sealed = seal(state, line ? [line] : [], undefined);
  await writeAtomic(runPaths(runDir).state, stateText(line ? { ...sealed, pending: line } : sealed));
}

function numberedLine(entry: NewEntry, before: readonly LogEntry[], base: Base, deps: Pick<Deps, "clock">): LogEntry {
  const seq = (before.at(-1)?.seq ?? 0) + 1;
  const numbered: LogEntry = { seq, ts: isoMicros(deps.clock.now()), ...entry, context_tokens: 0 };
  return { ...numbered, entry_digest: entryDigest(numbered, headDigest(before, base)) };
}

/** A copied or moved run directory: its state speaks of files elsewhere. */
async function refuseMoved({ runDir, state }: Run): Promise<void> {
  const [here, recorded] = [await realPathOf(runDir), await realPathOf(state.results_dir)];
  if (here === recorded) return;
  const facts = { run: runDir, results_dir: state.results_dir };
  throw new Refusal("state.tampered", "deft_state.json belongs to another run directory.", facts);
}

type Tokens = { readonly context_size_end: number } & Readonly<Record<string, unknown>>;

type Base = NonNullable<RunState["integrity"]>["base"];

function seal(next: RunState, entries: readonly LogEntry[], base: Base): RunState {
  const { pending: _pending, ...rest } = next;
  const state = runStateSchema.parse(rest);
  const head = { head_seq: entries.at(-1)?.seq ?? 0, head_digest: headDigest(entries, base) };
  return { ...state, integrity: { state_digest: stateDigest(state), ...head, ...(base ? { base } : {}) } };
}

function missesPending(entries: readonly LogEntry[], pending: LogEntry): boolean {
  return (entries.at(-1)?.seq ?? 0) === pending.seq - 1;
}

function stateText(state: RunState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}

/** Brings a run that a crash left between two writes to one of the two states around it. */
async function recover(runDir: string, proof: LockProof): Promise<string[]> {
  const paths = runPaths(runDir);
  const state = await readState(runDir);
  const log = await readLog(paths.log);
  const notes: string[] = [];
  if (log.torn !== undefined) {
    notes.push(`a torn last line of loop_log.jsonl was set aside: ${await setTornLineAside(paths.log, log.torn)}`);
  }
  const { pending } = state;
  if (pending === undefined) return notes;
  if (missesPending(log.entries, pending)) {
    proof.assertHeld();
    await appendDurable(paths.log, `${JSON.stringify(pending)}\n`);
    notes.push(`finished the interrupted commit of ${pending.iter} ${pending.stage}`);
  }
  const { pending: _done, ...rest } = state;
  await writeHeld({ proof }, paths.state, stateText(rest));
  return notes;
}

/** Fencing: a process that was stalled while another took its lock over sees the other's commit and writes nothing. */
async function assertUnchanged(run: OpenRun): Promise<void> {
  run.proof.assertHeld();
  const last = await lastSeq(runPaths(run.runDir).log);
  const state = await readState(run.runDir);
  const same = last === (run.entries.at(-1)?.seq ?? 0) && stateDigest(state) === stateDigest(run.state);
  if (!same) throw new Refusal("state.lock-lost", "The run changed while this call held it.", { run: run.runDir });
  run.proof.assertHeld();
}

/** Puts a file in place unless the lock was lost while it was written, which on a slow disk takes a while. */
async function writeHeld({ proof }: Pick<OpenRun, "proof">, path: string, text: string): Promise<void> {
  await writeAtomic(path, text, undefined, () => proof.assertHeld());
}
