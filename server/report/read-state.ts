import { dirname, resolve, sep } from "node:path";
import type { z } from "zod";
import { errnoOf, excerpt, Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { linesIn } from "../fs/lines.ts";
import { readTextIfPresent } from "../fs/read.ts";
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
  /** Version 4 states carry their events inside. */
  readonly events: readonly unknown[];
  /** The state as stored: its digest was taken over all of it. */
  readonly raw: Readonly<Record<string, unknown>>;
};

type Note = (sentence: string) => void;

/** Reads `deft_state.json` without ever failing for its content. @throws nothing but defects. */
export async function readRunState(runDir: string, note: Note): Promise<ReadState> {
  const found = asObject(await readJsonLeniently(runPaths(runDir).state, "deft_state.json", note));
  const raw = relocated(found, runDir);
  const { config: rawConfig, iterations: rawIterations, ...rest } = raw;
  if (typeof rest.version === "number" && rest.version !== 2) {
    note(`deft_state.json has version ${rest.version}, written by another program; shown as far as it is understood.`);
    delete rest.version;
  }
  const state = pick(runStateSchema.omit({ config: true, iterations: true }), rest, "deft_state.json", note);
  const config = pick(runConfigSchema, asObject(rawConfig), "deft_state.json: config", note);
  const labelled = { ...(raw.baseline === undefined ? {} : { baseline: raw.baseline }), ...asObject(rawIterations) };
  return {
    state,
    config,
    iterations: readIterations(labelled, note),
    events: asArray(raw.events),
    raw: found,
  };
}

/** Reads the log: every line that holds an entry, in order; other lines are named by their number. */
export async function readLog(runDir: string, events: readonly unknown[], note: Note): Promise<LogEntry[]> {
  const text = await readLeniently(runPaths(runDir).log, "loop_log.jsonl", note);
  if (text === undefined) {
    if (events.length === 0) note("loop_log.jsonl is missing: the timeline and the events cannot be shown.");
    return events.flatMap((event) => logEntrySchema.safeParse(event).data ?? []);
  }
  const entries: LogEntry[] = [];
  const broken: number[] = [];
  for (const [line, number] of linesIn(text)) {
    const entry = parseEntry(line);
    if (entry === undefined) broken.push(number);
    else entries.push(entry);
  }
  if (broken.length > 0) note(`loop_log.jsonl: ${listed("line", broken)} cannot be read and is left out.`);
  return entries;
}

function parseEntry(line: string): LogEntry | undefined {
  try {
    return logEntrySchema.safeParse(parseJson(line)).data;
  } catch {
    return undefined;
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

async function readJsonLeniently(path: string, name: string, note: Note): Promise<unknown> {
  const text = await readLeniently(path, name, note);
  if (text === undefined) {
    note(`${name} is missing: target, plan and figures cannot be shown.`);
    return undefined;
  }
  try {
    return parseJson(text);
  } catch {
    note(`${name} is not valid JSON: target, plan and figures cannot be shown.`);
    return undefined;
  }
}

async function readLeniently(path: string, name: string, note: Note): Promise<string | undefined> {
  try {
    return await readTextIfPresent(path);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    note(`${name} cannot be read (${errnoOf(error.cause) ?? "read error"}).`);
    return undefined;
  }
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function listed(noun: string, numbers: readonly number[]): string {
  const shown = numbers.slice(0, 5).join(", ");
  const more = numbers.length > 5 ? ` and ${numbers.length - 5} more` : "";
  return `${noun}${numbers.length > 1 ? "s" : ""} ${shown}${more}`;
}
