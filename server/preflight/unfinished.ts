import { basename, join } from "node:path";
import { z } from "zod";
import { errnoOf, Refusal } from "../errors.ts";
import { parseJson, readJson } from "../fs/json.ts";
import { listNames, readTail } from "../fs/read.ts";
import { stampOf } from "../fs/stamp.ts";
import { defined } from "../run/defined.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";

/** Who wrote the run and what may be done with it; only `ours` can be continued in place. */
type RunKind = "ours" | "vendor_v2" | "vendor_v4" | "unreadable";

export type LastEvent = { seq: number; ts: string; iter: string; stage: string; status: string; summary: string };

/** One run directory as it stands on disk, for lists and for choosing a run. */
export type FoundRun = {
  run_dir: string;
  run_id: string;
  kind: RunKind;
  status: string;
  /** Neither complete nor closed by `finish_loop`; a hard-stopped run still waits for a human, so it counts. */
  unfinished: boolean;
  started_at?: string;
  current_iteration?: number;
  max_iterations?: number;
  last_event?: LastEvent;
  hard_stop?: string;
  note?: string;
};

const lastEventSchema = z.object({
  seq: z.number(),
  ts: z.string(),
  iter: z.string(),
  stage: z.string(),
  status: z.string(),
  summary: z.string(),
});

/** The few keys that both published versions and ours share; everything else of the state is left alone here. */
const outlineSchema = z.looseObject({
  version: z.number(),
  status: z.string().optional(),
  started_at: z.string().optional(),
  current_iteration: z.number().optional(),
  max_iterations: z.number().optional(),
  completed_at: z.string().optional(),
  plan: z.looseObject({ plan_id: z.string() }).optional(),
  hard_stop: z.looseObject({ code: z.string() }).optional(),
  events: z.array(z.unknown()).optional(),
});
type Outline = z.infer<typeof outlineSchema>;

const tailBytes = 65_536;

/** Every `results/run_*` of a workspace that holds a state file, oldest first. Reads only; locks nothing. */
export async function findRuns(workspace: string): Promise<FoundRun[]> {
  const results = workspacePaths(workspace).results;
  const names = (await listNames(results)).filter((name) => name.startsWith("run_"));
  return await runsAt(names.map((name) => join(results, name)));
}

/** Those of some run directories that hold a state file, in their order. */
export async function runsAt(runDirs: readonly string[]): Promise<FoundRun[]> {
  return (await Promise.all(runDirs.map(runAt))).filter((run) => run !== undefined);
}

/** Ended runs as they were last read, with the stamps of state and log then: of thousands few have changed since. */
const ended = new Map<string, { readonly stamp: string; readonly found: FoundRun }>();
const endedLimit = 20_000;

/** One run directory as it stands on disk; undefined where no run lies. */
export async function runAt(runDir: string): Promise<FoundRun | undefined> {
  const { state, log } = runPaths(runDir);
  const stamp = `${stampOf(state)} ${stampOf(log)}`;
  const before = ended.get(runDir);
  if (before?.stamp === stamp) return before.found;
  const found = await readRunAt(runDir);
  ended.delete(runDir);
  if (found?.status === "complete" && ended.size < endedLimit) ended.set(runDir, { stamp, found });
  return found;
}

async function readRunAt(runDir: string): Promise<FoundRun | undefined> {
  const base = { run_dir: runDir, run_id: basename(runDir) };
  try {
    const outline = outlineSchema.safeParse(await readJson(runPaths(runDir).state));
    if (!outline.success) return { ...base, ...unreadable("deft_state.json lacks the keys of a run state.") };
    return { ...base, ...(await standing(runDir, outline.data)) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const errno = error.facts.errno ?? errnoOf(error.cause);
    return errno === "ENOENT" || errno === "ENOTDIR" ? undefined : { ...base, ...unreadable(error.message) };
  }
}

function unreadable(note: string): Omit<FoundRun, "run_dir" | "run_id"> {
  return { kind: "unreadable", status: "unknown", unfinished: false, note };
}

async function standing(runDir: string, state: Outline): Promise<Omit<FoundRun, "run_dir" | "run_id">> {
  const kind = kindOfRun(state);
  const status = state.status ?? (state.completed_at === undefined ? "in_progress" : "complete");
  const last = kind === "vendor_v4" ? parseEvent(state.events?.at(-1)) : (await lastEvents(runDir, 1)).at(-1);
  return {
    kind,
    status,
    unfinished: kind === "ours" && status !== "complete" && state.completed_at === undefined,
    ...defined({
      started_at: state.started_at,
      current_iteration: state.current_iteration,
      max_iterations: state.max_iterations,
      last_event: last,
      hard_stop: state.hard_stop?.code,
      note: noteOn(kind, state),
    }),
  };
}

function kindOfRun(state: Outline): RunKind {
  if (state.version === 4) return "vendor_v4";
  if (state.version !== 2) return "unreadable";
  return state.plan === undefined ? "vendor_v2" : "ours";
}

function noteOn(kind: RunKind, { version, plan }: Outline): string | undefined {
  if (kind === "vendor_v4" && plan !== undefined)
    return "A run of this server to which another program committed since: adopt_run goes on from what was trained.";
  if (kind === "vendor_v2" || kind === "vendor_v4")
    return `State version ${version}, written by another program: adopt_run takes it over by approval.`;
  return kind === "unreadable" ? `State version ${version} is not known here.` : undefined;
}

/** The last `most` whole lines of the log; a torn tail is skipped, the journal deals with it when the run is opened. */
export async function lastEvents(runDir: string, most: number): Promise<LastEvent[]> {
  const lines = (await readTail(runPaths(runDir).log, tailBytes)).split("\n");
  const events: LastEvent[] = [];
  while (events.length < most && lines.length > 0) {
    const event = parseLine(lines.pop() ?? "");
    if (event !== undefined) events.unshift(event);
  }
  return events;
}

function parseLine(line: string): LastEvent | undefined {
  try {
    return parseEvent(parseJson(line));
  } catch {
    return undefined;
  }
}

function parseEvent(value: unknown): LastEvent | undefined {
  const event = lastEventSchema.safeParse(value);
  return event.success ? event.data : undefined;
}
