import { join } from "node:path";
import { type ChangeNetRow, columnsOf, readChangeNet, writeChangeNet } from "../data/changenet.ts";
import { writeTable } from "../data/csv.ts";
import { canonicalLabel } from "../data/labels.ts";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { previousLabel } from "../run/labels.ts";
import { runPaths } from "../run/paths.ts";
import { contributionPaths } from "./shared/contribution.ts";
import { asEvidence, missing } from "./shared/evidence.ts";
import { inheritedSpec, layoutFrom } from "./shared/specs.ts";
import { requireTrainable, rowKey, type SourcedRow, seedRows } from "./shared/training-rows.ts";
import type { Stage, StageContext } from "./stage.ts";

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
    const fresh = newRows(before, added);
    if (fresh === 0) {
      const facts = { earlier_rows: before.length, added_rows: added.length };
      throw new Refusal("gate.no-new-rows", "The iteration adds no row that training has not seen.", facts);
    }
    const all = [...before, ...added];
    await writeAssembly(combined, provenance, all);
    const written = await readChangeNet(combined);
    requireAllRows(all, written.rows.length, combined);
    const layout = await layoutFrom(inheritedSpec(context), config.workspace);
    const warnings = await requireTrainable(combined, written.rows, layout, config);
    await writeAtomic(report, `${JSON.stringify(validation(context, combined, all.length), null, 2)}\n`);
    return {
      summary: "validated combined training CSV",
      patch: {
        combined_training_csv: combined,
        provenance_csv: provenance,
        merge_validation_report: report,
        ledger: {
          earlier_rows: before.length,
          added_rows: added.length,
          new_unique_rows: fresh,
          train_rows: all.length,
        },
      },
      pins: [combined, provenance, report],
      warnings,
    };
  },
};

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

function requireAllRows(all: readonly SourcedRow[], written: number, path: string): void {
  if (all.length === written) return;
  const facts = { path, assembled: all.length, written };
  throw new Refusal("gate.silent-drop", "The combined CSV does not hold every assembled row.", facts);
}

/** `merge_validation.json`; it is written only when every check passed. */
function validation(context: StageContext, combined: string, rows: number) {
  const { validation_csv, kpi_test_csv } = context.state.config;
  return {
    status: "ok",
    training_csv: combined,
    validation_csv,
    kpi_test_csv,
    rows_checked: rows,
    missing_file_count: 0,
    train_val_leakage_overlap_count: 0,
    train_kpi_leakage_overlap_count: 0,
  };
}
