import { join } from "node:path";
import { z } from "zod";
import { Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { linkNew, namesNow, writeAt, writeBeside } from "../fs/compare-and-set.ts";
import { parseJson } from "../fs/json.ts";
import { listNames, readTextIfPresent } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";
import { runPaths } from "../run/paths.ts";
import { type LogEntry, logEntrySchema, type RunState, runStateSchema } from "../run/state.ts";
import { stateDigest } from "./integrity.ts";
import { readLog } from "./log-file.ts";
import { learnState, readState } from "./read-state.ts";

const costSchema = z.looseObject({ context_size_end: z.number() });
/** What a stage cost the agent, by the number of its log entry. */
export type Costs = ReadonlyMap<number, z.infer<typeof costSchema>>;

/**
 * One commit, whole: what state and log are published from. It lies at `commits/<revision>`, where it is put by a
 * compare-and-set: of all who make a revision, one does.
 */
const recordSchema = z.object({
  /** Digest of the state that the commit was made on. */
  from: z.string(),
  state: runStateSchema,
  /** Bytes of the log before the commit: where its line belongs. */
  log_bytes: z.number().int().min(0),
  line: logEntrySchema.optional(),
  costs: z.array(z.tuple([z.number().int(), costSchema])).optional(),
});
export type CommitRecord = z.infer<typeof recordSchema>;

/** The places where a commit touches the disk; a test kills or stalls the process at each. */
export type CommitStep = "record" | "link" | "log" | "state" | "prune";
export type StepHook = (step: CommitStep) => void;

/** The newest record, and what it holds unless it is published; `spoiled` when the disk belies it. */
export type Newest = {
  readonly revision: number;
  readonly due?: CommitRecord | undefined;
  readonly spoiled?: string;
};

const numbered = /^(\d+)(\.[0-9a-f]+\.due)?$/;

/** A record keeps a second name, with this ending, from before it is made until it is published. */
const dueEnding = ".due";

type RecordName = { readonly name: string; readonly revision: number; readonly made: boolean };

async function recordNames(runDir: string): Promise<RecordName[]> {
  return recordsAmong(await listNames(runPaths(runDir).commits));
}

function recordsAmong(names: readonly string[]): RecordName[] {
  return names.flatMap((name) => {
    const match = numbered.exec(name);
    return match === null ? [] : [{ name, revision: Number(match[1]), made: match[2] === undefined }];
  });
}

function newestOf(names: readonly RecordName[]): number {
  return Math.max(0, ...names.filter(({ made }) => made).map(({ revision }) => revision));
}

const nobodyAsks = () => undefined;

/**
 * The newest record of a run, held against the published state.
 *
 * A record above the state is due when its second name is still there: a kill left it so. Otherwise it had been
 * published, and the state is an older copy.
 */
export async function newestRecord(runDir: string, published: RunState): Promise<Newest> {
  const names = await recordNames(runDir);
  const revision = newestOf(names);
  if (revision <= (published.revision ?? 0)) return { revision };
  if (!names.some((one) => !one.made && one.revision === revision)) {
    return { revision, spoiled: "deft_state.json was replaced by an older copy" };
  }
  const due = await readRecord(runDir, revision);
  if (due === undefined) return { revision, spoiled: `the record of commit ${revision} was edited` };
  return due.from === stateDigest(published) ? { revision, due } : { revision };
}

/** The line of the newest record, if that is above the published revision. */
export async function lineAbove(runDir: string, published: number): Promise<LogEntry | undefined> {
  const revision = newestOf(await recordNames(runDir));
  return revision > published ? (await readRecord(runDir, revision))?.line : undefined;
}

/** A record that is as a commit left it. */
async function readRecord(runDir: string, revision: number): Promise<CommitRecord | undefined> {
  const text = await readTextIfPresent(join(runPaths(runDir).commits, String(revision)));
  try {
    const record = recordSchema.parse(parseJson(text ?? ""));
    const { state } = record;
    return state.revision === revision && stateDigest(state) === state.integrity?.state_digest ? record : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a commit: from here on it happened, and whoever opens the run publishes it.
 *
 * Of all who make this revision one does, and none whose run went on meanwhile: its number may be free again, where
 * records were cleared away, but then a later one is there or the published state tells.
 *
 * @throws Refusal `state.lock-lost`; `input.write-failed`, `input.no-hard-links`.
 */
export async function putRecord(runDir: string, newest: number, record: CommitRecord, hook: StepHook): Promise<void> {
  const { commits } = runPaths(runDir);
  const revision = record.state.revision ?? 0;
  const path = join(commits, String(revision));
  await makeDirectory(commits);
  hook("record");
  const beside = await writeBeside(path, `${JSON.stringify(record)}\n`, dueEnding);
  try {
    hook("link");
    if (!(await linkNew(beside, path))) throw wentOn(runDir);
  } catch (error) {
    await removeIfPresent(beside).catch(() => undefined);
    throw error;
  }
  const others = (await recordNames(runDir)).filter((one) => one.made && one.revision > newest);
  if (others.every((one) => one.revision === revision) && !(await isPublishedBeyond(runDir, record))) return;
  for (const left of [path, beside]) await removeIfPresent(left).catch(() => undefined);
  throw wentOn(runDir);
}

/** Whether the published state is neither the one that a commit was made on nor its own. */
async function isPublishedBeyond(runDir: string, { from, state }: CommitRecord): Promise<boolean> {
  const digest = stateDigest(await readState(runDir));
  return digest !== from && digest !== state.integrity?.state_digest;
}

/**
 * Brings state and log to what a record says, in this order, so that a state never speaks of a line that is not there.
 * Whoever does it again, and however late, changes nothing: the line has its own place in the log, and a state that
 * overtook a newer one makes room for it at once.
 *
 * @throws Refusal `state.lock-lost` when a later commit was made meanwhile; `input.write-failed`.
 */
export async function publish(runDir: string, due: CommitRecord, held: () => void, hook: StepHook): Promise<void> {
  const paths = runPaths(runDir);
  const revision = due.state.revision ?? 0;
  const last = () => {
    held();
    if (newestOf(recordsAmong(namesNow(paths.commits))) > revision) throw wentOn(runDir);
  };
  hook("log");
  if (due.line !== undefined && !(await writeAt(paths.log, due.log_bytes, lineOf(due.line), last)))
    throw wentOn(runDir);
  if (due.costs !== undefined) {
    const { entries } = await readLog(paths.log);
    await writeAtomic(paths.log, withCosts(entries, new Map(due.costs)).map(lineOf), undefined, last);
  }
  hook("state");
  const text = stateText(due.state);
  await writeAtomic(paths.state, text, undefined, last);
  learnState(text, due.state);
  hook("prune");
  const newest = newestOf(await recordNames(runDir));
  if (newest > revision) {
    const record = await readRecord(runDir, newest);
    if (record !== undefined) await publish(runDir, { ...record, costs: undefined }, nobodyAsks, nobodyAsks);
    throw wentOn(runDir);
  }
  await clearPublished(runDir, revision);
}

/** Takes away what a published record makes superfluous. The newest stays: its number must never be free again. */
async function clearPublished(runDir: string, revision: number): Promise<void> {
  const done = (await recordNames(runDir).catch(() => [])).filter((one) =>
    one.made ? one.revision < revision : one.revision <= revision,
  );
  for (const { name } of done) await removeIfPresent(join(runPaths(runDir).commits, name)).catch(() => undefined);
}

export function lineOf(entry: LogEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

export function stateText(state: RunState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}

/** Entries with what their stages cost, which the digests leave out. */
export function withCosts(entries: readonly LogEntry[], costs: Costs): LogEntry[] {
  return entries.map((entry) => {
    const tokens = costs.get(entry.seq);
    return tokens === undefined ? entry : { ...entry, context_tokens: tokens.context_size_end, tokens };
  });
}

/** What a writer hears whose run went on without it. */
export function wentOn(runDir: string): Refusal {
  return new Refusal("state.lock-lost", "The run changed while this call held it.", { run: runDir });
}
