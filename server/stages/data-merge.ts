import { join } from "node:path";
import { type ChangeNetRow, changedRows, changeNetRows, columnsOf, readChangeNet } from "../data/changenet.ts";
import { countRows, tableRows, writeRows } from "../data/csv.ts";
import type { Problem } from "../data/problems.ts";
import { readRowColumns } from "../data/row-columns.ts";
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
import { rowKey, seedRow, trainingProblems } from "./shared/training-rows.ts";

/** Assembles the rows to train on: everything from before, and what this iteration adds (tao-stages 2.9 and 4.9). */
export const dataMerge: Stage = {
  name: "data_merge",
  async plan(context) {
    return { directories: [{ path: places(context).dir }], jobs: [] };
  },

  async collect(context) {
    const { config } = context.state;
    const { combined, provenance, report } = places(context);
    const added = await addedRows(context);
    const earlier = await earlierRows(context);
    const before = await writeAssembly(combined, provenance, earlier, added);
    const columns = await readRowColumns(combined);
    const layout = await layoutFrom(inheritedSpec(context), config.workspace);
    const problems = await trainingProblems(columns, layout, config);
    const leakage = await leakageOf(context, combined);
    const assembled = before.rows + added.length;
    await writeJson(report, validation(assembled, problems, leakage));
    const counts = { before: before.rows, added: added.length, written: columns.rows };
    const additions = { earlier_rows: before.rows, added_rows: added.length };
    return {
      summary: "validated combined training CSV",
      patch: {
        combined_training_csv: combined,
        provenance_csv: provenance,
        merge_validation_report: report,
        ledger: {
          ...additions,
          new_unique_rows: before.newRows,
          train_rows: assembled,
        },
      },
      pins: [combined, provenance, report],
      warnings: [],
      facts: {
        ledger: assemblySteps(context, counts, await countRows(provenance)),
        additions: { ...additions, new_rows: before.newRows },
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

/** Rows of a file that are read anew each time, as they go into the assembly. */
type Earlier = { readonly source: string; rows(): AsyncIterable<ChangeNetRow> };

/** Iteration 1 starts from the seed rows, or from those of the run that was taken over; a later one keeps every row of the one before, and never adds the seed again. */
async function earlierRows(context: StageContext): Promise<Earlier> {
  const { config, iterations } = context.state;
  const previous = previousLabel(context.iteration);
  const adopted = iterations.baseline?.combined_training_csv;
  if (previous === undefined || (previous === "baseline" && adopted === undefined)) {
    const asSeed = seedRow(config.workspace, config.images_dir);
    return { source: "base_train", rows: () => changedRows(changeNetRows(config.training_csv), asSeed) };
  }
  const path = iterations[previous]?.combined_training_csv;
  if (path === undefined) throw missing(`${previous}.combined_training_csv`, "is not recorded");
  return { source: "previous_iter_train", rows: () => evidenceRows(path) };
}

/** @throws Refusal `stage.evidence-missing` for a file that is no table any more. */
async function* evidenceRows(path: string): AsyncGenerator<ChangeNetRow> {
  const rows = changeNetRows(path);
  try {
    for (;;) {
      const row = await asEvidence(path, () => rows.next());
      if (row.done) return;
      yield row.value;
    }
  } finally {
    await rows.return();
  }
}

async function addedRows(context: StageContext): Promise<ChangeNetRow[]> {
  const { mining_pool } = contributionPaths(context);
  const { rows } = await asEvidence(mining_pool, () => readChangeNet(mining_pool));
  return rows.map((row) => ({ ...row, label: canonicalLabel(row.label) }));
}

/**
 * Writes the combined CSV, and beside it the same rows with their source, line by line: however many rows came before,
 * one piece of them is in memory.
 *
 * @returns the earlier rows, and how many different ones of the added are not among them.
 */
async function writeAssembly(combined: string, provenance: string, earlier: Earlier, added: readonly ChangeNetRow[]) {
  const fresh = new Set(added.map(rowKey));
  // A key costs more than the look whether an added row could have it.
  const objects = new Set(added.map((row) => row.object_name));
  let rows = 0;
  const onEarlier = (row: ChangeNetRow): void => {
    rows++;
    if (objects.has(row.object_name)) fresh.delete(rowKey(row));
  };
  await writeRows(combined, assembled(earlier, added, onEarlier));
  await writeRows(
    provenance,
    withSources(combined, (row) => (row < rows ? earlier.source : "mining_pool")),
  );
  return { rows, newRows: fresh.size };
}

/** Header and rows of an assembly, with the columns of the first row of either kind. */
async function* assembled(
  earlier: Earlier,
  added: readonly ChangeNetRow[],
  onEarlier: (row: ChangeNetRow) => void,
): AsyncGenerator<string[]> {
  let columns: readonly string[] | undefined;
  for await (const row of earlier.rows()) {
    if (columns === undefined) {
      columns = columnsOf([row, ...added.slice(0, 1)]);
      yield [...columns];
    }
    onEarlier(row);
    yield columns.map((column) => row[column] ?? "");
  }
  const all = columns ?? columnsOf(added.slice(0, 1));
  if (columns === undefined) yield [...all];
  for (const row of added) yield all.map((column) => row[column] ?? "");
}

/** Header and rows of a table with a last column that says where each row is from. */
async function* withSources(path: string, sourceOf: (row: number) => string): AsyncGenerator<string[]> {
  let row = 0;
  for await (const { header, cells } of tableRows(path)) {
    const kept = (all: readonly string[]): string[] => all.filter((_, at) => header[at] !== "source");
    if (row === 0) yield [...kept(header), "source"];
    yield [...kept(cells), sourceOf(row++)];
  }
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
