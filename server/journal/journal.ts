import { hostname } from "node:os";
import { Refusal } from "../errors.ts";
import { identityOf, isAlive } from "../exec/identity.ts";
import { appendDurable, writeAtomic } from "../fs/atomic.ts";
import { type LockOwner, type LockProof, withLock } from "../fs/lock.ts";
import { kindOf } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { processIdentitySchema } from "../run/job.ts";
import { runPaths } from "../run/paths.ts";
import type { LogEntry, RunState } from "../run/state.ts";
import { checkHead, type Kept, keepHead, readKept } from "./heads.ts";
import { acceptAsBase, checkIntegrity, type IntegrityFinding, stateDigest } from "./integrity.ts";
import { lastSeq, readLog, setTornLineAside } from "./log-file.ts";
import { noRun, readState } from "./read-state.ts";
import { assertInPlace } from "./run-place.ts";
import { type NewEntry, numberedLine, pendingDue, seal } from "./seal.ts";

/** A run as it lies on disk. */
export type Run = Kept & {
  readonly runDir: string;
  readonly state: RunState;
  readonly entries: readonly LogEntry[];
  readonly integrity: IntegrityFinding;
  /** What opening had to mend, for people. */
  readonly notes: readonly string[];
};

/** The environment tells where heads are kept; who does not name it neither checks nor keeps one. */
type Place = Partial<Pick<Deps, "env">>;

/** A run opened for writing: holds the lock until `withRun` returns. */
export type OpenRun = Run & { readonly proof: LockProof };

/** The places where a commit touches the disk; a test kills the process at each. */
export type CommitStep = "state-with-pending" | "log-line" | "state-clean";
export type StepHook = (step: CommitStep) => void;

/**
 * Reads a run without lock or change. A commit caught between its two writes shows as already made.
 *
 * @throws Refusal `input.no-run`, `state.corrupt`, `state.foreign-version`.
 */
export async function readRun(runDir: string, { env }: Place = {}): Promise<Run> {
  const state = await readState(runDir);
  const log = await readLog(runPaths(runDir).log);
  const notes = log.torn === undefined ? [] : ["loop_log.jsonl ends in a torn line; the next change sets it aside"];
  const due = pendingDue(state, log.entries);
  const entries = due === undefined ? log.entries : [...log.entries, due];
  const kept = await readKept(runDir, env);
  const found = checkIntegrity(state, entries);
  const integrity = found.ok ? checkHead(state, entries, kept) : found;
  return { ...kept, runDir, state, entries, integrity, notes };
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
  options: Place & { allowTampered?: boolean } = {},
): Promise<T> {
  const paths = runPaths(runDir);
  if ((await kindOf(paths.state)) === "absent") throw noRun(runDir);
  const owner = { ...(await identityOf(process.pid)), host: hostname() };
  return withLock(paths.lock, { owner, isAlive: isOwnerAlive }, async (proof) => {
    const notes = await recover(runDir, proof);
    const run = await readRun(runDir, options);
    await assertInPlace(runDir, run.state);
    if (options.allowTampered !== true) assertIntact(run);
    try {
      return await work({ ...run, notes: [...notes, ...run.notes], proof });
    } finally {
      // One place for every kind of commit; what a kill leaves undone here, the next opening catches up on.
      const { env } = options;
      if (env !== undefined)
        await readState(runDir)
          .then((state) => keepHead(runDir, state, env))
          .catch(() => undefined);
    }
  });
}

/** @throws Refusal `state.tampered` naming what was edited behind the server's back. */
export function assertIntact({ runDir, integrity }: Run): void {
  if (integrity.ok) return;
  throw new Refusal("state.tampered", `${integrity.what}.`, { run: runDir, ...integrity.facts });
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
  const sealed = seal(run, next, [...run.entries, line], base);
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
  const sealed = seal(run, next, run.entries, run.state.integrity?.base);
  await writeHeld(run, runPaths(run.runDir).state, stateText(sealed));
}

/** Commits a state and log that somebody edited, as they now stand: a human accepted them. */
export async function commitAccepted(run: OpenRun, next: RunState): Promise<void> {
  await assertUnchanged(run);
  const sealed = seal(run, next, run.entries, acceptAsBase(run.entries));
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
  const sealed = seal(undefined, state, line ? [line] : [], undefined);
  await writeAtomic(runPaths(runDir).state, stateText(line ? { ...sealed, pending: line } : sealed));
}

type Tokens = { readonly context_size_end: number } & Readonly<Record<string, unknown>>;

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
  const due = pendingDue(state, log.entries);
  if (due !== undefined) {
    proof.assertHeld();
    await appendDurable(paths.log, `${JSON.stringify(due)}\n`);
    notes.push(`finished the interrupted commit of ${due.iter} ${due.stage}`);
  } else if (log.entries.at(-1)?.seq !== pending.seq) return notes;
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
