import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../errors.ts";
import { identityOf, isAlive } from "../exec/identity.ts";
import { createNew } from "../fs/compare-and-set.ts";
import { type LockOwner, type LockProof, withLock } from "../fs/lock.ts";
import { fileFacts, kindOf } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { processIdentitySchema } from "../run/job.ts";
import { runPaths } from "../run/paths.ts";
import type { LogEntry, RunState } from "../run/state.ts";
import { checkRun, type Kept, keepHead, readKept } from "./heads.ts";
import { acceptAsBase, type IntegrityFinding, stateDigest } from "./integrity.ts";
import { type Log, readLog, readLogEnd, setTornLineAside } from "./log-file.ts";
import { asMade } from "./published.ts";
import { noRun, readState } from "./read-state.ts";
import {
  type CommitRecord,
  type Costs,
  lineOf,
  publish,
  putRecord,
  type StepHook,
  stateText,
  wentOn,
  withCosts,
} from "./records.ts";
import { assertInPlace } from "./run-place.ts";
import { type NewEntry, numberedLine, seal } from "./seal.ts";

/** A run as it lies on disk. */
export type Run = Kept & {
  readonly runDir: string;
  readonly state: RunState;
  /** The end of the log, a few hundred entries of a long one; all of it where the whole was asked for. */
  readonly entries: readonly LogEntry[];
  /** The entry that the first of these follows, proved by its digest alone; absent where the whole log was read. */
  readonly after?: LogEntry;
  readonly integrity: IntegrityFinding;
  /** What opening had to mend, for people. */
  readonly notes: readonly string[];
  /** The highest revision that a record is there for; 0 without one. */
  readonly newest: number;
  /** Length of the log's complete lines. */
  readonly logBytes: number;
};

/**
 * How a run is opened. The environment tells where heads are kept; who does not name it neither checks nor keeps one, and
 * reads the whole log.
 *
 * Of a long log that nobody touched since its head was kept, only the end is read and held against the chain. `whole` is
 * for calls on which something rests for good: they prove every entry.
 */
type Place = Partial<Pick<Deps, "env">> & { readonly whole?: boolean };

/** A run opened for writing: holds the lock until `withRun` returns. */
export type OpenRun = Run & { readonly proof: LockProof };

/**
 * Reads a run without lock or change. A commit that is made but not published yet shows as it will be.
 *
 * @throws Refusal `input.no-run`, `state.corrupt`, `state.foreign-version`.
 */
export async function readRun(runDir: string, place: Place = {}): Promise<Run> {
  return (await look(runDir, place)).run;
}

/**
 * A run with what is made but not published of it, and its log. Its files are read one after the other, while others
 * may write: where they do not agree, that counts only if they say the same a moment later.
 */
async function look(runDir: string, place: Place) {
  for (let seen = await lookOnce(runDir, place); ; ) {
    if (seen.run.integrity.ok) return seen;
    await sleep(momentMs);
    const again = await lookOnce(runDir, place);
    const [was, is] = [seen, again].map(({ run, published }) =>
      [run.newest, run.logBytes, stateDigest(published)].join(),
    );
    if (was === is) return again;
    seen = again;
  }
}

const momentMs = 100;

type Seen = Awaited<ReturnType<typeof held>>;

async function lookOnce(runDir: string, { env, whole }: Place): Promise<Seen> {
  const published = await readState(runDir);
  const kept = await readKept(runDir, env);
  const path = runPaths(runDir).log;
  const end = whole || kept.head?.log === undefined ? undefined : await readLogEnd(path, kept.head.log);
  // What was accepted as it stood is chained by one digest over all of it.
  if (end?.after !== undefined && end.after.seq >= (published.integrity?.base?.last_seq ?? 0)) {
    const seen = await held(runDir, published, kept, end);
    if (seen.run.integrity.ok) return seen;
  }
  return await held(runDir, published, kept, await readLog(path));
}

/** State and log as they were read, held against the digests. */
async function held(runDir: string, published: RunState, kept: Kept, log: Log) {
  const { state, entries, newest, due } = await asMade(runDir, published, log);
  const notes = log.torn === undefined ? [] : ["loop_log.jsonl ends in a torn line; the next change sets it aside"];
  const integrity = checkRun(state, entries, kept, newest.spoiled, log.after);
  const read = { entries, ...defined({ after: log.after }), logBytes: log.bytes };
  const run: Run = { ...kept, ...read, runDir, state, integrity, notes, newest: newest.revision };
  return { run, published, due, log };
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
  { allowTampered = false, ...asked }: Place & { allowTampered?: boolean } = {},
): Promise<T> {
  const paths = runPaths(runDir);
  if ((await kindOf(paths.state)) === "absent") throw noRun(runDir);
  const owner = { ...(await identityOf(process.pid)), host: hostname() };
  // What a human accepts is the whole of it.
  const place = { ...asked, whole: asked.whole || allowTampered };
  return withLock(paths.lock, { owner, isAlive: isOwnerAlive }, async (proof) => {
    const seen = await look(runDir, place);
    const mended = await finishInterrupted(runDir, seen, proof);
    const run = mended.length === 0 && seen.due === undefined ? seen.run : await readRun(runDir, place);
    const notes = [...(proof.mended === undefined ? [] : [proof.mended]), ...mended, ...run.notes];
    await assertInPlace(runDir, run.state);
    if (!allowTampered) assertIntact(run);
    try {
      return await work({ ...run, notes, proof });
    } finally {
      // One place for every kind of commit; what a kill leaves undone here, the next opening catches up on.
      const { env } = place;
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

/** Of an owner on another host nothing shows whether it lives but the age of its lock. */
async function isOwnerAlive(record: LockOwner): Promise<boolean> {
  const parsed = processIdentitySchema.safeParse(record);
  return !parsed.success || record.host !== hostname() || (await isAlive(parsed.data));
}

/**
 * Commits the next state together with its log line.
 *
 * Once its record is in place the commit is made; log and state follow from it. A kill at any instant leaves a run that
 * opens as exactly the state before or the state after. A process that stalled while another one went on is refused.
 */
export async function commit(
  run: OpenRun,
  next: RunState,
  entry: NewEntry,
  deps: Deps,
  hook: StepHook = () => {},
): Promise<LogEntry> {
  const base = run.state.integrity?.base;
  const line = numberedLine(entry, run.entries.at(-1), base, deps);
  await make(run, { state: seal(run, next, line, base), line }, hook);
  return line;
}

/** Commits a change of state that is no stage event: an approval, an acknowledgement, final artifacts. */
export async function commitState(run: OpenRun, next: RunState, hook?: StepHook): Promise<void> {
  await make(run, { state: seal(run, next, run.entries.at(-1), run.state.integrity?.base) }, hook);
}

/** Commits a state and log that somebody edited, as they now stand: a human accepted them. The run is one read whole. */
export async function commitAccepted(run: OpenRun, next: RunState): Promise<void> {
  if (run.after !== undefined) throw new Error("nobody accepts a log that was not read whole");
  await make(run, { state: seal(run, next, run.entries.at(-1), acceptAsBase(run.entries)) });
}

/**
 * Writes what each entry's stage cost into the log: the one sanctioned rewrite of it. Nothing but `tokens` and
 * `context_tokens` changes, which the digests leave out. Says whether anything differed.
 */
export async function backfillTokens(run: OpenRun, costs: Costs): Promise<boolean> {
  const text = (entries: readonly LogEntry[]) => entries.map(lineOf).join("");
  if (text(withCosts(run.entries, costs)) === text(run.entries)) return false;
  await make(run, { state: seal(run, run.state, run.entries.at(-1), run.state.integrity?.base), costs: [...costs] });
  return true;
}

async function make(
  run: OpenRun,
  change: Pick<CommitRecord, "state" | "line" | "costs">,
  hook: StepHook = () => {},
): Promise<void> {
  await assertUnchanged(run);
  const record = { from: stateDigest(run.state), log_bytes: run.logBytes, ...change };
  await putRecord(run.runDir, run.newest, record, hook);
  await publish(run.runDir, record, run.proof.assertHeld, hook);
}

/**
 * Writes the first state of a run into its prepared directory; from then on the run exists. Of two who do, one wins. With
 * an entry the run begins with a committed stage: the first state carries the line, and opening the run publishes it.
 *
 * @throws Refusal `state.lock-lost` where there is a run already; `input.write-failed`, `input.no-hard-links`.
 */
export async function createState(runDir: string, state: RunState, entry?: NewEntry, deps?: Pick<Deps, "clock">) {
  const path = runPaths(runDir).state;
  const line = entry && deps ? numberedLine(entry, undefined, undefined, deps) : undefined;
  const sealed = seal(undefined, state, line, undefined);
  if (!(await createNew(path, stateText(line ? { ...sealed, pending: line } : sealed)))) throw wentOn(runDir);
}

/** Publishes a commit that was made and cut short; a torn last line that is not its beginning is set aside. */
async function finishInterrupted(runDir: string, { run, due, log }: Seen, proof: LockProof): Promise<string[]> {
  const [line, { torn }] = [due?.line, log];
  const notes: string[] = [];
  if (torn !== undefined && !(line !== undefined && lineOf(line).startsWith(torn))) {
    const aside = await setTornLineAside(runPaths(runDir).log, log, proof.assertHeld);
    notes.push(`a torn last line of loop_log.jsonl was set aside: ${aside}`);
  }
  // What does not follow from the disk is named, not published.
  if (due === undefined || !run.integrity.ok) return notes;
  await publish(runDir, due, proof.assertHeld, () => undefined);
  if (line !== undefined) notes.push(`finished the interrupted commit of ${line.iter} ${line.stage}`);
  return notes;
}

/** A process that was stalled while another one went on sees that here, before it writes anything. */
async function assertUnchanged(run: OpenRun): Promise<void> {
  run.proof.assertHeld();
  const state = await readState(run.runDir);
  const log = await fileFacts(runPaths(run.runDir).log);
  const same = (log?.size_bytes ?? 0) === run.logBytes && stateDigest(state) === stateDigest(run.state);
  if (!same) throw wentOn(run.runDir);
  run.proof.assertHeld();
}
