import { isRecord } from "../run/record.ts";
import type { LogEntry, RunState } from "../run/state.ts";
import type { TimelineRow } from "./charts/timeline.ts";

export type StageTotal = {
  readonly stage: string;
  times: number;
  duration_sec: number;
  /** For a caller, beside the time of the jobs. */
  waited_sec: number;
  input: number;
  output: number;
  cache_read: number;
};

/** Where the time and the tokens went: one row an iteration, and totals by stage in order of first appearance. */
export function timelineOf(events: readonly LogEntry[]): {
  rows: TimelineRow[];
  stages: readonly Readonly<StageTotal>[];
  tokens: boolean;
} {
  const rows = new Map<string, TimelineRow & { stages: LogEntry[] }>();
  const totals = new Map<string, StageTotal>();
  let tokens = false;
  for (const entry of events) {
    const used = tokensOf(entry);
    tokens ||= used !== undefined;
    const total = totals.get(entry.stage) ?? {
      stage: entry.stage,
      times: 0,
      duration_sec: 0,
      waited_sec: 0,
      input: 0,
      output: 0,
      cache_read: 0,
    };
    total.times++;
    total.duration_sec += entry.duration_sec;
    total.waited_sec += entry.waited_sec ?? 0;
    total.input += used?.input ?? 0;
    total.output += used?.output ?? 0;
    total.cache_read += used?.cache_read ?? 0;
    totals.set(entry.stage, total);
    if (entry.stage === "loop_stop") continue;
    const row = rows.get(entry.iter) ?? { label: entry.iter, stages: [] };
    row.stages.push(entry);
    rows.set(entry.iter, row);
  }
  return {
    rows: [...rows.values()].map((row) =>
      row.stages.length > partsShown ? { ...row, stages: summed(row.stages) } : row,
    ),
    stages: [...totals.values()].filter(({ stage }) => stage !== "loop_stop"),
    tokens,
  };
}

/** Parts of one iteration's bar; beyond them each is below a pixel. */
const partsShown = 100;

/** One part for each stage and how it ended, in order of first appearance. */
function summed(entries: TimelineRow["stages"]): TimelineRow["stages"] {
  const sums = new Map<string, { stage: string; status: string; duration_sec: number }>();
  for (const { stage, status, duration_sec } of entries) {
    const sum = sums.get(`${stage} ${status}`) ?? { stage, status, duration_sec: 0 };
    sum.duration_sec += duration_sec;
    sums.set(`${stage} ${status}`, sum);
  }
  return [...sums.values()];
}

/** One pass of the loop: seconds it took, and between what it was expected. */
export type Pass = { readonly label: string; readonly took: number; readonly least: number; readonly most: number };

/** What every pass took beside what the plan said; nothing for a run whose plan said nothing. */
export function passesOf(rows: readonly TimelineRow[], estimate: RunState["estimate"]): Pass[] {
  if (estimate === undefined) return [];
  return rows.map(({ label, stages }) => {
    const [least = 0, most = 0] = label === "baseline" ? estimate.range.baseline : estimate.range.iteration;
    const took = stages.reduce((sum, { duration_sec }) => sum + duration_sec, 0);
    return { label, took, least: least * 60, most: most * 60 };
  });
}

function tokensOf(entry: LogEntry): { input: number; output: number; cache_read: number } | undefined {
  const { tokens } = entry as { tokens?: unknown };
  if (!isRecord(tokens)) return undefined;
  const figure = (name: string) => (typeof tokens[name] === "number" ? tokens[name] : 0);
  return { input: figure("input"), output: figure("output"), cache_read: figure("cache_read") };
}
