import { join } from "node:path";
import { type ChangeNetRow, columnsOf, readChangeNet, writeChangeNet } from "../data/changenet.ts";
import { readTable, writeTable } from "../data/csv.ts";
import type { Problem } from "../data/problems.ts";
import { writeJson } from "../fs/json.ts";
import type { LeakageFacts, LedgerStep, Stage, StageContext } from "../ports/stage.ts";
import { previousLabel } from "../run/labels.ts";
import { canonicalLabel } from "../run/pass-labels.ts";
import { runPaths } from "../run/paths.ts";
import { present } from "./shared/committed.ts";
import { contributionPaths } from "./shared/contribution.ts";
import { asEvidence, missing } from "./shared/evidence.ts";
import { inheritedSpec, layoutFrom } from "./shared/specs.ts";
import { leakageOf } from "./shared/training-leakage.ts";
import { rowKey, type SourcedRow, seedRows, trainingProblems } from "./shared/training-rows.ts";

/** Assembles the rows to train on: everything from before, and what this iteration adds (tao-stages 2.9 and 4.9). */
export const dataMerge: Stage = {
  name: "data_merge",
  async plan(context) {
    return { directories: [{ path: places(context).dir }], jobs: [] };
  },

  async collect(context) {
    const { config } = context.state;
    const { combined, provenance, report } = places(context);
    const before = await earlierRows(context);
    const added = await addedRows(context);
    const all = [...before, ...added];
    await writeAssembly(combined, provenance, all);
    const written = await readChangeNet(combined);
    const layout = await layoutFrom(inheritedSpec(context), config.workspace);
    const problems = await trainingProblems(combined, written.rows, layout, config);
    const leakage = await leakageOf(context, combined);
    await writeJson(report, validation(all.length, problems, leakage));
    const counts = { before: before.length, added: added.length, written: written.rows.length };
    return {
      summary: "validated combined training CSV",
      patch: {
        combined_training_csv: combined,
        provenance_csv: provenance,
        merge_validation_report: report,
        ledger: {
          earlier_rows: before.length,
          added_rows: added.length,
          new_unique_rows: newRows(before, added),
          train_rows: all.length,
        },
      },
      pins: [combined, provenance, report],
      warnings: [],
      facts: {
        ledger: assemblySteps(context, counts, (await readTable(provenance)).rows.length),
        additions: { earlier_rows: before.length, added_rows: added.length, new_rows: newRows(before, added) },
        rows: { csv: combined, problems },
        leakage,
      },
    };
  },
};

/** Every row of before and every row of this iteration's contribution, once, in the CSV and in its provenance. */
function assemblySteps(
  context: StageContext,
  { before, added, written }: { before: number; added: number; written: number },
  sourced: number,
): LedgerStep[] {
  const previous = previousLabel(context.iteration);
  const earlier = previous && context.state.iterations[previous]?.ledger?.train_rows;
  const { paired, mined } = present(context).ledger ?? {};
  const contributed = paired === undefined || mined === undefined ? added : paired + mined;
  return [
    { step: "earlier rows", rows_in: earlier ?? before, rows_out: before },
    { step: "contributed rows", rows_in: contributed, rows_out: added },
    { step: "assembly", rows_in: before + added, rows_out: written },
    { step: "provenance", rows_in: written, rows_out: sourced },
  ];
}

function places(context: StageContext) {
  const dir = join(runPaths(context.runDir).iteration(context.iteration), "dataset");
  return {
    dir,
    combined: join(dir, `train_combined_${context.iteration}.csv`),
    provenance: join(dir, `train_combined_${context.iteration}_provenance.csv`),
    report: join(dir, "merge_validation.json"),
  };
}

/** Iteration 1 starts from the seed rows; a later one keeps every row of the one before, and never adds the seed again. */
async function earlierRows(context: StageContext): Promise<SourcedRow[]> {
  const { config, iterations } = context.state;
  const previous = previousLabel(context.iteration);
  if (previous === undefined || previous === "baseline") {
    const seed = await readChangeNet(config.training_csv);
    const rows = seedRows(seed.rows, config.workspace, config.images_dir);
    return rows.map((row) => ({ row, source: "base_train" }));
  }
  const path = iterations[previous]?.combined_training_csv;
  if (path === undefined) throw missing(`${previous}.combined_training_csv`, "is not recorded");
  const { rows } = await asEvidence(path, () => readChangeNet(path));
  return rows.map((row) => ({ row, source: "previous_iter_train" }));
}

async function addedRows(context: StageContext): Promise<SourcedRow[]> {
  const { mining_pool } = contributionPaths(context);
  const { rows } = await asEvidence(mining_pool, () => readChangeNet(mining_pool));
  return rows.map((row) => ({ row: { ...row, label: canonicalLabel(row.label) }, source: "mining_pool" }));
}

function newRows(before: readonly SourcedRow[], added: readonly SourcedRow[]): number {
  const known = new Set(before.map(({ row }) => rowKey(row)));
  return new Set(added.map(({ row }) => rowKey(row)).filter((key) => !known.has(key))).size;
}

/** The combined CSV, and beside it the same rows with their source, line by line. */
async function writeAssembly(combined: string, provenance: string, all: readonly SourcedRow[]): Promise<void> {
  const rows: ChangeNetRow[] = all.map(({ row }) => row);
  await writeChangeNet(combined, rows);
  const columns = columnsOf(rows).filter((column) => column !== "source");
  const sourced = all.map(({ row, source }) => [...columns.map((column) => row[column] ?? ""), source]);
  await writeTable(provenance, [...columns, "source"], sourced);
}

/** `merge_validation.json` as it was found; a gate, not this file, decides. */
function validation(rows: number, problems: readonly Problem[], leakage: readonly LeakageFacts[]) {
  const overlap = (held: LeakageFacts["held"]) =>
    leakage.reduce((sum, one) => sum + (one.held === held ? one.leakage.count : 0), 0);
  const refused = problems.filter(({ code }) => code !== "gate.duplicate-row");
  const bad = refused.length > 0 || overlap("validation") + overlap("kpi") > 0;
  return {
    status: bad ? "failed" : "ok",
    training_csv: leakage[0]?.training_csv,
    validation_csv: leakage.find(({ held }) => held === "validation")?.held_csv,
    kpi_test_csv: leakage.find(({ held }) => held === "kpi")?.held_csv,
    rows_checked: rows,
    missing_file_count: problems.find(({ code }) => code === "gate.missing-image")?.count ?? 0,
    train_val_leakage_overlap_count: overlap("validation"),
    train_kpi_leakage_overlap_count: overlap("kpi"),
  };
}
