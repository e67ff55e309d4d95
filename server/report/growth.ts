import { join } from "node:path";
import { z } from "zod";
import { scanTable } from "../data/csv.ts";
import { Refusal } from "../errors.ts";
import { readChunks } from "../fs/chunks.ts";
import { kindOf } from "../fs/read.ts";
import { readingOnce } from "../journal/seen.ts";
import type { Env } from "../run/env.ts";
import type { IterationState } from "../run/state.ts";
import { type Note, readObject } from "./lenient.ts";
import type { GrowthRow, MiningRow } from "./model.ts";

type Labelled = { readonly label: string; readonly iteration: Partial<IterationState> };

/** Where synthetic rows are staged: `<run>/iter<N>/dataset/images/synthetic_iter<N>_ng/` (tao-stages 2.7). */
export const syntheticFolder = /(^|\/)synthetic_iter\d+_ng\/?$/;

/** Counts the training rows of every iteration by source, from the CSV files themselves. */
export async function growthRows(
  runDir: string,
  trainingCsv: string | undefined,
  iterations: readonly Labelled[],
  note: Note,
  env?: Env,
): Promise<GrowthRow[]> {
  const paths = [trainingCsv, ...iterations.map(({ iteration }) => iteration.provenance_csv)];
  const counted = [...new Set(paths)].filter((path) => path !== undefined);
  const counts = new Map((await rowCounts(counted, env)).map((rows, at) => [counted[at], rows]));
  const base = counts.get(trainingCsv);
  if (trainingCsv !== undefined && base === undefined)
    note("The base training CSV cannot be read; its rows are not counted.");
  const rows: GrowthRow[] = [];
  let total = base;
  let mined = 0;
  let generated = 0;
  for (const { label, iteration } of iterations) {
    if (label === "baseline") {
      rows.push({ label, ...finite({ base, mined: 0, synthetic: 0, total: base }) });
      continue;
    }
    const facts = stageFacts(label, iteration);
    const added =
      iteration.provenance_csv && (await additions(join(runDir, label, "mining_filter", "mining_pool.csv")));
    const now = counts.get(iteration.provenance_csv);
    if (!added || now === undefined) {
      rows.push(facts);
      if (iteration.provenance_csv !== undefined)
        note(`${label}: the training rows cannot be counted from its CSV files.`);
      continue;
    }
    const fresh = added.mined + added.synthetic;
    if (total !== undefined && now !== total + fresh) {
      note(`${label}: ${now} training rows, but ${total} before plus ${fresh} added.`);
    }
    total = now;
    mined += added.mined;
    generated += added.synthetic;
    rows.push({ ...facts, ...finite({ added: fresh, base, mined, synthetic: generated, total }) });
  }
  return rows;
}

function stageFacts(label: string, { ledger }: Partial<IterationState>) {
  return { label, ...finite({ knn_raw_mined: ledger?.mining_candidates, sdg_generated: ledger?.generated }) };
}

/** What mining found, step by step, for the iterations that came to it. */
export async function miningRows(iterations: readonly Labelled[]): Promise<MiningRow[]> {
  const rows: MiningRow[] = [];
  for (const { label, iteration } of iterations) {
    const skipped = iteration.data_mining_skipped === true;
    if (!skipped && iteration.mining_mined_count === undefined) continue;
    const floor = await firstRow(iteration.mining_summary);
    const history = await readObject(iteration.mining_history_summary);
    rows.push({
      label,
      skipped,
      ...finite({
        targets: iteration.ledger?.mining_targets,
        candidates: iteration.ledger?.mining_candidates ?? floor.candidate_count,
        below_similarity: iteration.ledger?.mining_below_floor ?? floor.rejected_count,
        similarity_threshold: floor.similarity_threshold,
        already_mined: history.already_mined_count,
        selected: iteration.mining_mined_count,
      }),
    });
  }
  return rows;
}

/** Each table has the rows of all earlier ones too, and a report comes with every iteration: only new ones are counted. */
const rowCounts = readingOnce({ name: "row-counts-1", shape: z.number(), filesOf: (path) => [path], read: rowCount });

/** Data rows of a CSV, by counting line ends where nothing is quoted; undefined when the file cannot be read. */
async function rowCount(path: string): Promise<number | undefined> {
  if ((await kindOf(path)) !== "file") return undefined;
  try {
    let lines = 0;
    let last = 10;
    for await (const chunk of readChunks(path)) {
      if (chunk.includes(34)) return (await scanTable(path, () => () => undefined)).rows;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      last = chunk.at(-1) ?? last;
    }
    return Math.max(0, lines + (last === 10 ? 0 : 1) - 1);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

async function additions(path: string): Promise<{ mined: number; synthetic: number } | undefined> {
  const counts = { mined: 0, synthetic: 0 };
  try {
    await scanTable(path, (header) => {
      const at = header.indexOf("input_path");
      return (cells) => {
        if (syntheticFolder.test(cells[at] ?? "")) counts.synthetic++;
        else counts.mined++;
      };
    });
    return counts;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The first data row of a small CSV as numbers by column. */
async function firstRow(path: string | undefined): Promise<Record<string, number>> {
  const row: Record<string, number> = {};
  if (path === undefined) return row;
  try {
    let seen = false;
    await scanTable(path, (header) => (cells) => {
      if (!seen) for (const [at, name] of header.entries()) row[name] = Number(cells[at]);
      seen = true;
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return row;
}

/** The members that are finite numbers. */
function finite<T extends Record<string, unknown>>(members: T): { [K in keyof T]?: number } {
  const kept = Object.entries(members).filter(([, value]) => typeof value === "number" && Number.isFinite(value));
  return Object.fromEntries(kept) as { [K in keyof T]?: number };
}
