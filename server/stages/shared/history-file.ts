import { z } from "zod";
import { Refusal } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { readJson, writeJson } from "../../fs/json.ts";
import { kindOf } from "../../fs/read.ts";
import {
  emptyHistory,
  type HistoryFilter,
  historyFault,
  type MiningHistory,
  withIteration,
} from "../../kpi/mining-history.ts";
import { asEvidence } from "./evidence.ts";

const entrySchema = z.looseObject({
  iteration: z.number().int().min(1),
  topn: z.number(),
  candidate_parquet: z.string(),
  candidate_sha256: z.string(),
  candidate_unique_count: z.number(),
  already_mined_count: z.number(),
  selected_count: z.number(),
  selected_filepaths: z.array(z.string()),
  output_parquet: z.string(),
  output_sha256: z.string(),
  summary_file: z.string(),
  summary_sha256: z.string(),
});

const historySchema = z.looseObject({
  version: z.literal(1),
  identity: z.literal("filepath"),
  iterations: z.array(entrySchema),
  cumulative_unique_count: z.number(),
});

/** Files of one mining run that the ledger vouches for. */
export type MiningFiles = {
  readonly candidate_parquet: string;
  readonly output_parquet: string;
  readonly summary_file: string;
};

/**
 * The ledger as it stood before `iteration`, its recorded files hashed again. What it holds of this iteration or later
 * was never committed and is left out.
 *
 * @throws Refusal `stage.evidence-missing` for a ledger that does not read or does not lead up to the iteration.
 * @throws Refusal `state.tampered` when a recorded file changed.
 */
export async function readHistory(path: string, iteration: number): Promise<MiningHistory> {
  const whole = (await kindOf(path)) === "file" ? await asEvidence(path, () => parseHistory(path)) : emptyHistory;
  const iterations = whole.iterations.filter((entry) => entry.iteration < iteration);
  const cumulative_unique_count = iterations.reduce((sum, entry) => sum + entry.selected_count, 0);
  const history: MiningHistory = { ...whole, iterations, cumulative_unique_count };
  const fault = historyFault(history, iteration);
  if (fault !== undefined) {
    throw new Refusal("stage.evidence-missing", "The mining ledger does not lead up to this iteration.", {
      path,
      fault,
    });
  }
  for (const entry of iterations) {
    await requireHash(entry.candidate_parquet, entry.candidate_sha256);
    await requireHash(entry.output_parquet, entry.output_sha256);
    await requireHash(entry.summary_file, entry.summary_sha256);
  }
  return history;
}

/** Writes the ledger with this iteration appended, and what the filter found beside the mined rows. */
export async function recordHistory(
  paths: { readonly history: string; readonly summary: string },
  history: MiningHistory,
  entry: {
    readonly iteration: number;
    readonly topn: number;
    readonly files: MiningFiles;
    /** How the rows were chosen, where the server chose them. */
    readonly rule: string | undefined;
    readonly chosen: Readonly<Record<string, number>> | undefined;
  },
  filter: HistoryFilter<{ readonly filepath: string }>,
): Promise<void> {
  const { iteration, topn, files, rule, chosen } = entry;
  const candidate_sha256 = await sha256OfFile(files.candidate_parquet);
  const output_sha256 = await sha256OfFile(files.output_parquet);
  const { selected, candidate_unique_count, already_mined_count, selected_count } = filter;
  const next = withIteration(history, {
    iteration,
    topn,
    ...files,
    candidate_sha256,
    candidate_unique_count,
    already_mined_count,
    selected_count,
    selected_filepaths: selected.map(({ filepath }) => filepath),
    output_sha256,
    summary_sha256: await sha256OfFile(files.summary_file),
  });
  const { selected: _rows, recommendation, ...counts } = filter;
  const { candidate_parquet, output_parquet } = files;
  const summary = { version: 1, iteration, identity: "filepath", topn, candidate_parquet, candidate_sha256, ...counts };
  await writeJson(paths.summary, { ...summary, output_parquet, output_sha256, recommendation, rule, chosen });
  await writeJson(paths.history, next);
}

async function parseHistory(path: string): Promise<MiningHistory> {
  const parsed = historySchema.safeParse(await readJson(path));
  if (!parsed.success) throw new Refusal("input.bad-json", `${path} is no mining ledger.`, { path });
  return parsed.data;
}

async function requireHash(path: string, expected: string): Promise<void> {
  const actual = (await kindOf(path)) === "file" ? await sha256OfFile(path) : "absent";
  if (actual === expected) return;
  throw new Refusal("state.tampered", "A file that the mining ledger vouches for changed.", { path, expected, actual });
}
