import { dirname, resolve, sep } from "node:path";
import type { z } from "zod";
import { errnoOf, excerpt, Refusal } from "../errors.ts";
import { asMade } from "../journal/published.ts";
import {
  entryIn,
  type Fault,
  faultText,
  type LogFile,
  readLogFile,
  readStateText,
  stateIn,
} from "../journal/run-files.ts";
import { defined } from "../run/defined.ts";
import { isIterationLabel, iterationNumber } from "../run/labels.ts";
import { runPaths } from "../run/paths.ts";
import {
  type IterationState,
  iterationStateSchema,
  type LogEntry,
  logEntrySchema,
  type RunConfig,
  type RunState,
  runConfigSchema,
  runStateSchema,
} from "../run/state.ts";
import { asObject } from "./lenient.ts";

/** A state as far as it can be trusted to have the shape it should: what is malformed is absent and named. */
export type ReadState = {
  readonly state: Partial<RunState>;
  readonly config: Partial<RunConfig>;
  /** Ascending by iteration number. */
  readonly iterations: readonly { readonly label: string; readonly iteration: Partial<IterationState> }[];
  readonly log: readonly LogEntry[];
  /** The state as stored: its digest was taken over all of it. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** What the record of the last commit belies. */
  readonly spoiled: string | undefined;
};

type Note = (sentence: string) => void;

/** Reads state and log without ever failing for their content; a commit that is made and not published yet is seen. */
export async function readRunFiles(runDir: string, note: Note): Promise<ReadState> {
  const file = stateIn(await readStateText(runDir));
  if (file.fault !== undefined) note(`${faultText("deft_state.json", file.fault)}: ${unshown}.`);
  const log = await readLogFile(runPaths(runDir).log);
  const { found, entries, spoiled } = await madeOf(runDir, asObject(file.raw), log, note);
  const raw = relocated(found, runDir);
  const { config: rawConfig, iterations: rawIterations, ...rest } = raw;
  if (typeof rest.version === "number" && rest.version !== 2) {
    note(`deft_state.json has version ${rest.version}, written by another program; shown as far as it is understood.`);
    delete rest.version;
  }
  const state = pick(runStateSchema.omit({ config: true, iterations: true }), rest, "deft_state.json", note);
  const config = pick(runConfigSchema, asObject(rawConfig), "deft_state.json: config", note);
  const labelled = { ...defined({ baseline: raw.baseline }), ...asObject(rawIterations) };
  const iterations = readIterations(labelled, note);
  const events = log.fault === undefined ? entries : eventsWithoutLog(log.fault, entries, asArray(raw.events), note);
  nameBroken(log, note);
  return { state, config, iterations, log: events, raw: found, spoiled };
}

const unshown = "target, plan and figures cannot be shown";

/** The files with a commit that was cut short laid over them; records that cannot be read are none. */
async function madeOf(runDir: string, found: Record<string, unknown>, log: LogFile, note: Note) {
  const last = entriesIn(log.torn);
  const plain = { found, entries: [...log.entries, ...last], spoiled: undefined };
  if (typeof found.revision !== "number") return plain;
  try {
    const { state, entries, newest } = await asMade(runDir, found as unknown as RunState, log);
    const all = entries.length === log.entries.length ? [...entries, ...last] : entries;
    return { found: { ...state } as Record<string, unknown>, entries: all, spoiled: newest.spoiled };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    note(`commits cannot be read (${errnoOf(error.cause) ?? "read error"}): the last commit may not be shown.`);
    return plain;
  }
}

/** Version 4 states carry their events inside. */
function eventsWithoutLog(
  fault: Fault,
  made: readonly LogEntry[],
  events: readonly unknown[],
  note: Note,
): readonly LogEntry[] {
  if (made.length > 0) return made;
  if (fault.kind !== "absent" || events.length === 0) {
    note(
      fault.kind === "absent"
        ? "loop_log.jsonl is missing: the timeline and the events cannot be shown."
        : `${faultText("loop_log.jsonl", fault)}.`,
    );
  }
  return events.flatMap((event) => logEntrySchema.safeParse(event).data ?? []);
}

function nameBroken({ broken, torn = "", lines }: LogFile, note: Note): void {
  const numbers = [...broken.keys()];
  if (torn.trim() !== "" && entriesIn(torn).length === 0) numbers.push(lines + 1);
  if (numbers.length > 0) note(`loop_log.jsonl: ${listed("line", numbers)} cannot be read and is left out.`);
}

/** A last line that only lacks its end counts. */
function entriesIn(line: string | undefined): LogEntry[] {
  try {
    return line === undefined ? [] : [entryIn(line)];
  } catch {
    return [];
  }
}

function readIterations(raw: Readonly<Record<string, unknown>>, note: Note) {
  const found: { label: string; iteration: Partial<IterationState>; order: number }[] = [];
  for (const [label, value] of Object.entries(raw)) {
    if (!isIterationLabel(label)) {
      note(`deft_state.json: iterations holds "${excerpt(label, 40)}", which is no iteration of this loop.`);
      continue;
    }
    const iteration = pick(iterationStateSchema, asObject(value), `deft_state.json: ${label}`, note);
    found.push({ label, iteration, order: iterationNumber(label) });
  }
  return found.sort((a, b) => a.order - b.order);
}

/** A run that was moved or copied is read where it lies now: its workspace's paths are taken from its own place. */
function relocated(raw: Record<string, unknown>, runDir: string): Record<string, unknown> {
  const { results_dir } = raw;
  if (typeof results_dir !== "string" || resolve(results_dir) === runDir) return raw;
  const [from, to] = [dirname(dirname(resolve(results_dir))), dirname(dirname(runDir))];
  const move = (value: unknown): unknown => {
    if (typeof value === "string") return value.startsWith(`${from}${sep}`) ? to + value.slice(from.length) : value;
    if (Array.isArray(value)) return value.map(move);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, move(member)]));
  };
  return { ...raw, config: move(raw.config), baseline: move(raw.baseline), iterations: move(raw.iterations) };
}

/** The members of `value` that have the schema's shape, with the unknown ones; the malformed ones are named. */
function pick<S extends z.ZodObject>(
  schema: S,
  value: Readonly<Record<string, unknown>>,
  where: string,
  note: Note,
): Partial<z.output<S>> {
  const picked: Record<string, unknown> = { ...value };
  for (const [name, field] of Object.entries(schema.shape)) {
    if (value[name] === undefined) continue;
    const parsed = (field as z.ZodType).safeParse(value[name]);
    if (parsed.success) picked[name] = parsed.data;
    else {
      delete picked[name];
      note(`${where}: ${name} is malformed and left out.`);
    }
  }
  return picked as Partial<z.output<S>>;
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function listed(noun: string, numbers: readonly number[]): string {
  const shown = numbers.slice(0, 5).join(", ");
  const more = numbers.length > 5 ? ` and ${numbers.length - 5} more` : "";
  return `${noun}${numbers.length > 1 ? "s" : ""} ${shown}${more}`;
}
