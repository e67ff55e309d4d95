import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { realPathOf } from "../fs/contained.ts";
import { sha256 } from "../fs/hash.ts";
import { readAsIfPresent } from "../fs/json.ts";
import { fileFacts, kindOf, listPaths } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";
import { stampOf } from "../fs/stamp.ts";
import type { Deps } from "../ports/call.ts";
import { runPaths } from "../run/paths.ts";
import type { LogEntry, RunState } from "../run/state.ts";
import { checkIntegrity, type IntegrityFinding } from "./integrity.ts";
import { readingOnce } from "./seen.ts";

/** A run's last commit as it is kept outside the workspace, where no copy of the run directory reaches. */
const headSchema = z.object({
  run_dir: z.string(),
  revision: z.number().int().min(0),
  state_digest: z.string(),
  last_seq: z.number().int().min(0),
  entry_digest: z.string(),
  /** Stamp of the log right after that commit: while it is the same, the end of the log is all that need be read. */
  log: z.string().optional(),
});
export type Head = z.infer<typeof headSchema>;

type Env = Deps["env"];

/** Where heads lie, one small file a run; undefined for a process that has no home at all. */
export function headsDir({ XDG_STATE_HOME, HOME, USERPROFILE }: Env): string | undefined {
  const home = HOME || USERPROFILE;
  const state = XDG_STATE_HOME || (home ? join(home, ".local", "state") : undefined);
  return state === undefined ? undefined : join(state, "deft-mcp", "heads");
}

/**
 * What is kept of a run outside the workspace: its head, unless there is none that can be read, and the place where it is
 * looked for, as a state names host and folder. Empty for a process that has no home at all.
 */
export type Kept = { readonly head?: Head | undefined; readonly headPlace?: string | undefined };

/** Looks for a run's head; whoever names no environment looks for none. */
export async function readKept(runDir: string, env: Env | undefined): Promise<Kept> {
  const path = env === undefined ? undefined : await headPath(runDir, env);
  if (path === undefined) return {};
  return { head: await headAt(path), headPlace: sha256(`${hostname()}\n${path}`).slice(0, 16) };
}

async function headAt(path: string): Promise<Head | undefined> {
  try {
    return await readAsIfPresent(path, headSchema);
  } catch {
    return undefined;
  }
}

/**
 * Keeps the head of a state that was committed, after its last write: a kill leaves the head one commit behind, never
 * ahead. An older state never replaces a newer head. A folder that takes no file stops nothing.
 */
export async function keepHead(runDir: string, state: RunState, env: Env): Promise<void> {
  const [head, path] = [headOf(runDir, state), await headPath(runDir, env)];
  if (head === undefined || path === undefined) return;
  const kept = await headAt(path);
  if (kept !== undefined && kept.revision >= head.revision) return;
  try {
    await makeDirectory(dirname(path), 0o700);
    await writeAtomic(path, `${JSON.stringify(head, null, 2)}\n`, 0o600);
  } catch {
    // `headIsKept` tells a person.
  }
}

/** Whether the head of a run's present state lies outside the workspace. */
export async function headIsKept(runDir: string, state: RunState, env: Env): Promise<boolean> {
  const { head } = await readKept(runDir, env);
  return head !== undefined && head.revision >= (state.revision ?? 0);
}

/** Takes away the head of a run directory that was deleted: a new one begins under its name. */
export async function dropHead(runDir: string, env: Env): Promise<void> {
  const path = await headPath(runDir, env);
  if (path !== undefined) await removeIfPresent(path).catch(() => undefined);
}

const headName = /^[0-9a-f]{32}\.json$/;

/** After this long without a commit the head of a run whose directory is gone guards nothing any more. */
const keptMs = 90 * 24 * 3600 * 1000;

/**
 * Removes heads of runs that were deleted, once they are old: the directory may be on a disk that is not attached today,
 * or about to be put back as an older copy. A head that cannot be read stays.
 */
export async function pruneHeads(env: Env, now: Date): Promise<void> {
  const dir = headsDir(env);
  for (const path of dir === undefined ? [] : await listPaths(dir, headName).catch(() => [])) {
    try {
      // Nearly all are young: they cost a stat each.
      const kept = await fileFacts(path);
      if (kept === undefined || now.getTime() - kept.mtime_ms < keptMs) continue;
      const head = await readAsIfPresent(path, headSchema);
      if (head === undefined) continue;
      if ((await kindOf(head.run_dir)) === "absent") await removeIfPresent(path);
    } catch {
      // It is looked at again with the next run.
    }
  }
}

/**
 * Holds a run against its own digests, the record of its last commit (`spoiled` when that belies it), and its kept head.
 * The entries are all of them, or those that follow `after`.
 */
export function checkRun(
  state: RunState,
  entries: readonly LogEntry[],
  kept: Kept,
  spoiled: string | undefined,
  after?: LogEntry,
): IntegrityFinding {
  const found = checkIntegrity(state, entries, after);
  if (!found.ok) return found;
  return spoiled === undefined ? checkHead(state, entries, kept) : { ok: false, what: spoiled, facts: {} };
}

/**
 * Holds a run that is whole in itself against its kept head.
 *
 * Where the state says that a head was found in this very place, there must be one: without it nothing would show that
 * the run was put back.
 *
 * A run may be ahead of its head (a kill, commits on another machine), as long as its log holds the head's entry or a
 * human accepted the log as it stood. A run behind its head, or beside it, was put back or exchanged as a whole.
 */
function checkHead(state: RunState, entries: readonly LogEntry[], { head, headPlace }: Kept): IntegrityFinding {
  const revision = state.revision ?? 0;
  if (head === undefined) {
    if (headPlace === undefined || state.head_kept_at !== headPlace) return { ok: true };
    return { ok: false, what: "the head of the run that was kept outside the workspace is gone", facts: { revision } };
  }
  const facts = {
    last_seq: entries.at(-1)?.seq ?? 0,
    recorded_last_seq: head.last_seq,
    revision,
    recorded_revision: head.revision,
  };
  if (revision < head.revision) return { ok: false, what: "the run directory was put back to an older copy", facts };
  const accepted = state.integrity?.base?.last_seq ?? 0;
  const entry = entries.find(({ seq }) => seq === head.last_seq);
  const follows = head.last_seq <= accepted || entry?.entry_digest === head.entry_digest;
  const same = revision > head.revision || state.integrity?.state_digest === head.state_digest;
  if (follows && same) return { ok: true };
  return { ok: false, what: "the run directory was exchanged for one with another history", facts };
}

const runDirsOf = readingOnce({
  name: "heads-1",
  shape: z.string(),
  filesOf: (path) => [path],
  read: async (path) => (await headAt(path))?.run_dir,
});

/** Directories of the runs whose heads are kept here, whether they are still there or not. */
export async function keptRunDirs(env: Env): Promise<string[]> {
  const dir = headsDir(env);
  const paths = dir === undefined ? [] : await listPaths(dir, headName).catch(() => []);
  return (await runDirsOf(paths, env)).filter((runDir) => runDir !== undefined);
}

function headOf(runDir: string, state: RunState): Head | undefined {
  const { integrity, revision = 0 } = state;
  if (integrity === undefined) return undefined;
  const { state_digest, head_seq: last_seq, head_digest: entry_digest } = integrity;
  return { run_dir: runDir, revision, state_digest, last_seq, entry_digest, log: stampOf(runPaths(runDir).log) };
}

async function headPath(runDir: string, env: Env): Promise<string | undefined> {
  const dir = headsDir(env);
  return dir === undefined ? undefined : join(dir, `${sha256(await realPathOf(runDir)).slice(0, 32)}.json`);
}
