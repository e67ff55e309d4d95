import { basename } from "node:path";
import { readInferenceTable } from "../data/inference.ts";
import { Refusal } from "../errors.ts";
import { readRun } from "../journal/journal.ts";
import type { Deps } from "../ports/call.ts";
import { type ImageLayout, imagePath } from "../run/images.ts";
import type { RunState } from "../run/state.ts";
import { boardOf, componentOf, type KpiReader, type KpiRow, kpiReader } from "./kpi-rows.ts";
import { changesBetween, type Judged, misjudged } from "./misjudged.ts";
import type { Listed, Listing } from "./misjudged-files.ts";
import { kpiLayout } from "./samples.ts";

export type ListingWish = {
  readonly iteration?: string | undefined;
  /** What changes are told against; else the measured iteration before. */
  readonly against?: string | undefined;
  /** Instead of the recorded one; for the named iteration alone. */
  readonly threshold?: number | undefined;
};

/**
 * The misjudged parts of one iteration of a run, the newest measured one unless told, and how they changed.
 *
 * @throws Refusal `input.no-run` for a run or iteration without a measured KPI set; those of the run's files.
 */
export async function listMisjudged(
  runDir: string,
  wish: ListingWish,
  deps: Deps,
): Promise<Listing & { readonly against: string | null; readonly fixed: readonly string[] }> {
  const { state } = await readRun(runDir, deps);
  const measured = Object.keys(state.iterations).filter((label) => state.iterations[label]?.inference_csv);
  const iteration = named(wish.iteration ?? measured.at(-1), measured, runDir);
  const before = wish.against ?? measured[measured.indexOf(iteration) - 1];
  const readTable = kpiReader();
  const judged = await judgedOf(state, iteration, readTable);
  const now = { ...judged, threshold: wish.threshold ?? judged.threshold };
  const changes =
    before === undefined
      ? undefined
      : changesBetween(await judgedOf(state, named(before, measured, runDir), readTable), now);
  const layout = await kpiLayout(state.iterations[iteration]?.training_spec, state.config.images_dir);
  const [broken, still] = [new Set(changes?.broken), new Set(changes?.still)];
  const changed = (row: number) => (broken.has(row) ? "newly_wrong" : still.has(row) ? "still_wrong" : null);
  return {
    run: basename(runDir),
    iteration,
    against: before ?? null,
    threshold: now.threshold,
    parts: misjudged(now).map((row) => listed(now.table.at(row), changed(row), layout)),
    fixed: changes?.fixed.map((row) => now.table.at(row).object_name) ?? [],
  };
}

function named(label: string | undefined, measured: readonly string[], runDir: string): string {
  if (label !== undefined && measured.includes(label)) return label;
  const facts = { run: runDir, iteration: label ?? null, candidates: measured };
  throw new Refusal("input.no-run", "The run has no such measured iteration.", facts);
}

async function judgedOf(state: RunState, label: string, readTable: KpiReader): Promise<Judged> {
  const { inference_csv: path = "", threshold = 0 } = state.iterations[label] ?? {};
  // The strict reader names what is wrong with a table that the report would leave out.
  await readInferenceTable(path);
  return { label, threshold, table: await readTable(path, label, () => undefined) };
}

function listed(row: KpiRow, change: Listed["change"], layout: ImageLayout | undefined): Listed {
  const of = (directory: string) => layout && imagePath(layout, directory, row.object_name, layout.lightings[0]);
  return {
    part: row.object_name,
    label: row.label.trim(),
    board: boardOf(row),
    component: componentOf(row),
    judged: row.defective ? "missed" : "false_alarm",
    score: row.score,
    change,
    image: of(row.input_path) ?? null,
    golden: of(row.golden_path) ?? null,
  };
}
