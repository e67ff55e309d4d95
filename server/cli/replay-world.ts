import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { sizes, type WorkspaceSize } from "../../engine/workspace/rows.ts";
import { tools } from "../../tools/index.ts";
import { Refusal } from "../errors.ts";
import { identityOf, isAlive } from "../exec/identity.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { realPathOf } from "../fs/contained.ts";
import { sha256 } from "../fs/hash.ts";
import { type LockOwner, withLock } from "../fs/lock.ts";
import { listPaths } from "../fs/read.ts";
import { removeTree } from "../fs/remove.ts";
import { connectHere } from "../mcp/loopback.ts";
import { cassetteExecutor } from "../platforms/cassette/executor.ts";
import type { Deps } from "../ports/call.ts";
import type { ReadEmbeddings } from "../ports/stage.ts";
import { findRuns } from "../preflight/unfinished.ts";
import { processIdentitySchema } from "../run/job.ts";
import { type Platform, platforms } from "../run/labels.ts";
import { workspacePaths } from "../run/paths.ts";
import { version } from "../run/version.ts";
import { readEmbeddings } from "../stages/shared/embedding-files.ts";
import { replayedEmbeddings } from "../trace/embeddings.ts";
import type { TraceLine } from "../trace/format.ts";
import type { Trace } from "../trace/load.ts";
import { fingerprint } from "../trace/recorder.ts";
import type { Symbols } from "../trace/symbols.ts";
import type { Stage } from "../trace/talk.ts";
import { faultsOf, linesOf, type RunningTape } from "../trace/tape.ts";

type Base = Pick<Deps, "clock" | "ids" | "executors" | "readEmbeddings">;
type Head = Parameters<Stage["connect"]>[0];

/** Starts servers in this process as a trace's connections had them, with a home of their own. */
export function serversOf(
  baseOf: (head: Head) => Base,
  symbols: Symbols,
  home: string,
  log: (line: string) => void,
): Stage["connect"] {
  return async (head, hear) => {
    const secrets = head.secrets.map((name) => [name, "recorded"]);
    const told = Object.entries(head.env).map(([name, value]) => [name, symbols.expand(value)]);
    const state = { HOME: home, XDG_STATE_HOME: join(home, "state"), XDG_CONFIG_HOME: join(home, "config") };
    const env = { ...Object.fromEntries([...told, ...secrets]), ...state, DEFT_TRANSCRIPTS: join(home, "none") };
    const cwd = head.cwd.startsWith("{workspace}") ? symbols.expand(head.cwd) : home;
    const toolsets = (["deft", "osmo"] as const).filter((name) => head.toolsets.includes(name));
    return await connectHere({ ...baseOf(head), env, cwd }, { version, toolsets, log }, hear);
  };
}

/** The servers that a trace is played to, their jobs from the tape. */
export function replayStage(
  trace: Trace,
  tape: RunningTape,
  symbols: Symbols,
  home: string,
  log: (line: string) => void,
): Stage {
  const skipped = tools.filter(({ toolset }) => toolset === "osmo").map(({ name }) => name);
  const known = platforms.filter((platform) => tape.knows(platform, "engine"));
  const made = known.map((platform) => [platform, async () => cassetteExecutor(platform, tape)] as const);
  const executors = Object.fromEntries(made) as Partial<Record<Platform, () => Promise<never>>>;
  const replayed = replayedEmbeddings(trace, symbols, readEmbeddings);
  const embeddings: ReadEmbeddings = (tables, asked) => faultsOf(tape, () => replayed(tables, asked));
  const baseOf = (head: Head) => ({ ...tape.timeOf(head), executors, readEmbeddings: embeddings });
  return { isSkipped: (tool) => skipped.includes(tool), connect: serversOf(baseOf, symbols, home, log) };
}

/** Every tool that a trace may call. */
export const knownTools: readonly string[] = tools.map(({ name }) => name);

/**
 * Lends the workspace of a trace: the given one, to one replay after the other, or the generated one made anew. A given
 * one gets the runs of this replay removed again. A spec that differs is a note, because that is what replays are for; other tables are another board.
 *
 * @throws Refusal `trace.unusable` when it is another workspace, or one is needed.
 */
export async function withWorkspace<T>(
  trace: Trace,
  given: string | undefined,
  scratch: string,
  use: (workspace: string, notes: string[]) => Promise<T>,
): Promise<T> {
  const recorded = linesOf(trace).find((line) => line.kind === "workspace");
  if (given === undefined) {
    const workspace = await generated(recorded, join(scratch, "workspace"));
    return await use(workspace, await differing(recorded, workspace));
  }
  const workspace = await realPathOf(given);
  const notes = [...(await differing(recorded, workspace)), ...(await openRuns(workspace))];
  return await withTurn(workspace, () => withoutTraces(workspace, () => use(workspace, notes)));
}

/** Preflight tells of them, so the replay goes another way where the recording saw none. */
async function openRuns(workspace: string): Promise<string[]> {
  const open = (await findRuns(workspace)).filter((run) => run.unfinished).map((run) => run.run_id);
  return open.length === 0 ? [] : [`the replay sees unfinished runs of the workspace: ${open.join(", ")}`];
}

/** A replay would see the unfinished runs of another one in the same workspace. */
async function withTurn<T>(workspace: string, work: () => Promise<T>): Promise<T> {
  const lock = join(tmpdir(), `deft-replay-${sha256(workspace).slice(0, 16)}.lock`);
  const owner = { ...(await identityOf(process.pid)) };
  const isOwnerAlive = async (record: LockOwner) => {
    const parsed = processIdentitySchema.safeParse(record);
    return parsed.success && (await isAlive(parsed.data));
  };
  return await withLock(lock, { owner, isAlive: isOwnerAlive, waitMs: turnWaitMs }, work);
}

const turnWaitMs = 600_000;

async function withoutTraces<T>(workspace: string, work: () => Promise<T>): Promise<T> {
  const { results } = workspacePaths(workspace);
  const before = await listPaths(results, /^run_/);
  try {
    return await work();
  } finally {
    const made = (await listPaths(results, /^run_/)).filter((path) => !before.includes(path));
    for (const path of made) await removeTree(path);
  }
}

type Recorded = Extract<TraceLine, { kind: "workspace" }> | undefined;

async function generated(recorded: Recorded, dir: string): Promise<string> {
  const { seed, size } = recorded?.generated ?? {};
  if (seed === undefined || !isSize(size)) {
    if (recorded === undefined) {
      await makeDirectory(dir);
      return await realPathOf(dir);
    }
    throw new Refusal("trace.unusable", "The trace was recorded on a workspace of its own: pass --workspace.", {});
  }
  await generateWorkspace(dir, { seed, size });
  return await realPathOf(dir);
}

function isSize(size: string | undefined): size is WorkspaceSize {
  return size !== undefined && size in sizes;
}

async function differing(recorded: Recorded, workspace: string): Promise<string[]> {
  if (recorded === undefined) return [];
  const { inputs, generated: made } = await fingerprint(workspace);
  const names = [...new Set([...Object.keys(recorded.inputs), ...Object.keys(inputs)])];
  const other = names.filter((name) => inputs[name] !== recorded.inputs[name]);
  if (JSON.stringify(made) !== JSON.stringify(recorded.generated)) other.push("build_info.json");
  const tables = other.filter((name) => !name.startsWith("specs/"));
  if (tables.length > 0)
    throw new Refusal("trace.unusable", "This is another workspace than the recorded one.", { differ: tables });
  return other.map((name) => `${name} is not the recorded one`);
}
