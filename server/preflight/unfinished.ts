import { basename, join } from "node:path";
import { z } from "zod";
import { errnoOf, Refusal } from "../errors.ts";
import { parseJson, readJson } from "../fs/json.ts";
import { listNames, readTail } from "../fs/read.ts";
import { readingOnce } from "../journal/seen.ts";
import { defined } from "../run/defined.ts";
import type { Env } from "../run/env.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";

const lastEventSchema = z.object({
  seq: z.number(),
  ts: z.string(),
  iter: z.string(),
  stage: z.string(),
  status: z.string(),
  summary: z.string(),
});
export type LastEvent = z.infer<typeof lastEventSchema>;

/** One run directory as it stands on disk, for lists and for choosing a run. */
const foundRunSchema = z.object({
  run_dir: z.string(),
  run_id: z.string(),
  /** Who wrote the run and what may be done with it; only `ours` can be continued in place. */
  kind: z.enum(["ours", "vendor_v2", "vendor_v4", "unreadable"]),
  status: z.string(),
  /** Neither complete nor closed by `finish_loop`; a hard-stopped run still waits for a human, so it counts. */
  unfinished: z.boolean(),
  started_at: z.string().exactOptional(),
  current_iteration: z.number().exactOptional(),
  max_iterations: z.number().exactOptional(),
  last_event: lastEventSchema.exactOptional(),
  hard_stop: z.string().exactOptional(),
  note: z.string().exactOptional(),
});
export type FoundRun = z.infer<typeof foundRunSchema>;

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

/**
 * Every `results/run_*` of a workspace that holds a state file, oldest first. Reads only; locks nothing. The environment
 * tells where what was read is kept for the next process.
 */
export async function findRuns(workspace: string, env?: Env): Promise<FoundRun[]> {
  const results = workspacePaths(workspace).results;
  const names = (await listNames(results)).filter((name) => name.startsWith("run_"));
  return await runsAt(
    names.map((name) => join(results, name)),
    env,
  );
}

const readRuns = readingOnce({
  name: "runs-1",
  shape: foundRunSchema,
  filesOf: (runDir) => [join(runDir, "deft_state.json"), join(runDir, "loop_log.jsonl")],
  read: readRunAt,
});

/** Those of some run directories that hold a state file, in their order. */
export async function runsAt(runDirs: readonly string[], env?: Env): Promise<FoundRun[]> {
  return (await readRuns(runDirs, env)).filter((run) => run !== undefined);
}

/** One run directory as it stands on disk; undefined where no run lies. */
export async function runAt(runDir: string): Promise<FoundRun | undefined> {
  return (await runsAt([runDir]))[0];
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

function kindOfRun(state: Outline): FoundRun["kind"] {
  if (state.version === 4) return "vendor_v4";
  if (state.version !== 2) return "unreadable";
  return state.plan === undefined ? "vendor_v2" : "ours";
}

function noteOn(kind: FoundRun["kind"], { version, plan }: Outline): string | undefined {
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
