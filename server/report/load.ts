import { basename, dirname, resolve } from "node:path";
import { readKept } from "../journal/heads.ts";
import { holdoutText } from "../kpi/holdout.ts";
import type { Deps } from "../ports/call.ts";
import { type Clock, isoSeconds } from "../run/clock.ts";
import { defined } from "../run/defined.ts";
import { breakdown, changeView } from "./breakdown.ts";
import { contactSheet } from "./contact-sheet.ts";
import { evidenceOf } from "./evidence.ts";
import { galleryOf, galleryReadLimit, type PicturePlaces } from "./gallery.ts";
import { growthRows, miningRows } from "./growth.ts";
import { type KpiReader, type KpiTable, kpiReader } from "./kpi-rows.ts";
import { kpiView } from "./kpi-view.ts";
import type { Note } from "./lenient.ts";
import type { Judged } from "./misjudged.ts";
import type { KpiView, PairView, ReportModel } from "./model.ts";
import { bestIteration, outcomeOf } from "./outcome.ts";
import { type ReadState, readRunFiles } from "./read-state.ts";
import { imageReader, kpiLayout, realPair, syntheticPair, weakestSamples } from "./samples.ts";
import { flatSpec, specChanges } from "./spec-changes.ts";
import { twinViews } from "./twin-views.ts";
import { verify } from "./verify.ts";
import { configurationRows, imagesUsed, iterationView, plain } from "./views.ts";

/** Which iteration is the best of a run, and how that stands against the target: what is shown first, by itself. */
export async function loadOutcome(runDir: string): Promise<Pick<ReportModel, "best" | "outcome">> {
  const { best, outcome } = standingOf(await readRunFiles(resolve(runDir), () => undefined));
  return { ...defined({ best: best?.label }), outcome };
}

function standingOf({ state, iterations: read }: Pick<ReadState, "state" | "iterations">) {
  const iterations = read.map(({ label, iteration }) => iterationView(label, iteration));
  const best = bestIteration(state.metric_contract, iterations);
  return { iterations, best, outcome: outcomeOf(state.metric_contract, best) };
}

type Labelled = ReadState["iterations"][number];

/** The environment tells where heads are kept; without it the run is held against itself alone. */
export type ReportDeps = { readonly clock: Clock; readonly env?: Deps["env"] };

/**
 * Reads a run directory into what the report shows. Disk is the only source; nothing is written.
 *
 * A half-written, malformed or foreign run gives what is true and a sentence in `missing` for all that is not there.
 */
export async function load(runDir: string, deps: ReportDeps): Promise<ReportModel> {
  const dir = resolve(runDir);
  const missing: string[] = [];
  const note = (sentence: string) => void missing.push(sentence);
  const read = await readRunFiles(dir, note);
  const { state, config, log } = read;
  const { iterations, best, outcome } = standingOf(read);
  const readTable = kpiReader();
  const scored = await scoredIterations(read.iterations, best?.label, note, readTable);
  const spec = scored[0]?.source.iteration.training_spec ?? config.specs_file;
  const pictures = { roots: rootsOf(dir, config.images_dir), layout: await kpiLayout(spec, config.images_dir) };
  return {
    generated_at: isoSeconds(deps.clock.now()),
    run_name: basename(dir),
    run_dir: dir,
    ...recorded(state),
    ...defined({ best: best?.label }),
    target: state.kpi_target ?? "not recorded",
    engine: config.engine ?? "not recorded",
    platform: config.platform ?? "not recorded",
    integrity: verify(read.raw, log, await readKept(dir, deps.env), read.spoiled),
    evidence: evidenceOf({
      ...state,
      iterations: Object.fromEntries(read.iterations.map(({ label, iteration }) => [label, iteration])),
    }),
    outcome,
    iterations,
    kpi: scored.map(({ view }) => view),
    ...whereItFails(scored, note),
    growth: await growthRows(dir, config.training_csv, read.iterations, note, deps.env),
    mining: await miningRows(read.iterations),
    ...(await samplesOf(dir, read, scored[0], note)),
    twins: await twinViews(state.twins ?? [], imageReader(rootsOf(dir, config.images_dir))),
    twins_left_out: state.twins_left_out ?? 0,
    gallery: await gallery(read, scored, best?.label, pictures, readTable),
    sheet: await contactSheet({ runDir: dir, workspace: dirname(dirname(dir)), ...read }, pictures, note),
    spec_changes: await specHistory(config.specs_file, read.iterations),
    images: await imagesUsed(dir, config),
    configuration: configurationRows(state, config),
    inputs: Object.entries(state.plan?.inputs ?? {}).map(([name, facts]) => ({ name, value: plain(facts) })),
    approvals: state.approvals ?? [],
    acknowledgements: state.acknowledgements ?? [],
    events: log,
    pins: Object.entries(state.pins ?? {}).map(([path, sha256]) => ({ path, sha256 })),
    missing,
  };
}

/** What the state says by itself, as far as it says it. */
function recorded(state: ReadState["state"]) {
  return {
    status: state.status ?? ("unknown" as const),
    ...defined({
      started_at: state.started_at,
      completed_at: state.completed_at,
      stop_reason: state.stop_reason,
      contract: state.metric_contract,
      max_iterations: state.max_iterations,
      hard_stop: state.hard_stop,
      plan_id: state.plan?.plan_id,
      ruler: state.ruler,
      holdout: state.holdout && holdoutText(state.holdout),
      estimate: state.estimate,
    }),
  };
}

type Scored = { readonly view: KpiView; readonly table: KpiTable; readonly source: Labelled };

/** Scores of the best, the last and the first iteration that has any: more would not fit into a page. */
async function scoredIterations(
  all: readonly Labelled[],
  best: string | undefined,
  note: Note,
  readTable: KpiReader,
): Promise<Scored[]> {
  const measured = all.filter(({ iteration }) => iteration.inference_csv !== undefined);
  const wanted = [measured.find(({ label }) => label === best), measured.at(-1), measured[0]];
  const scored: Scored[] = [];
  for (const source of new Set(wanted)) {
    if (source?.iteration.inference_csv === undefined) continue;
    const table = await readTable(source.iteration.inference_csv, source.label, note);
    const view = kpiView(source.label, table, source.iteration.threshold);
    if (view === undefined) continue;
    noteDifference(view, source, note);
    scored.push({ view, table, source });
  }
  return scored;
}

/** Groups of the best iteration, and what it judges otherwise than each of the others. */
function whereItFails([best, ...others]: readonly Scored[], note: Note) {
  if (best === undefined) return { breakdown: [], changes: [] };
  const scoring = ({ view, table }: Scored) => ({ label: view.label, table, threshold: view.point.threshold });
  const changes = others.flatMap((other) => {
    const change = changeView(scoring(other), scoring(best));
    if (change === undefined)
      note(`${other.view.label} and ${best.view.label} did not score the same parts: not compared.`);
    return change ?? [];
  });
  return { breakdown: breakdown(best.table, best.view.point.threshold), changes };
}

/** The gallery over every measured iteration, or over the scored ones where all are too many rows to read. */
async function gallery(
  { iterations }: ReadState,
  scored: readonly Scored[],
  best: string | undefined,
  pictures: PicturePlaces,
  readTable: KpiReader,
) {
  const measured = iterations.filter(({ iteration }) => iteration.inference_csv !== undefined);
  const isFew = measured.length * (scored[0]?.table.rows ?? 0) <= galleryReadLimit;
  const judged: Judged[] = [];
  for (const { label, iteration } of measured) {
    const known = scored.find(({ view }) => view.label === label);
    if (known === undefined && (!isFew || iteration.threshold === undefined)) continue;
    // What cannot be read there is told of where its figures are shown.
    const table = known?.table ?? (await readTable(iteration.inference_csv ?? "", label, () => undefined));
    judged.push({ label, table, threshold: known?.view.point.threshold ?? iteration.threshold ?? 0 });
  }
  return await galleryOf(judged, best, pictures);
}

/** A recorded FAR must follow from the scores on disk; a report that shows both must not hide that it does not. */
function noteDifference(view: KpiView, { label, iteration }: Labelled, note: Note): void {
  const recorded = iteration.far_pct;
  const found = 100 * view.point.far;
  if (recorded === undefined || iteration.threshold === undefined || Number.isNaN(found)) return;
  if (Math.abs(recorded - found) <= 1e-9) return;
  note(
    `${label}: the state records FAR ${recorded}%, but its scores give ${found}% at threshold ${iteration.threshold}.`,
  );
}

/** Images of the run may lie in its directory, its workspace and its images root. */
function rootsOf(dir: string, imagesDir: string | undefined): string[] {
  return [dir, dirname(dirname(dir)), ...(imagesDir === undefined ? [] : [imagesDir])];
}

async function samplesOf(dir: string, { config, iterations }: ReadState, shown: Scored | undefined, note: Note) {
  const imagesDir = config.images_dir;
  const read = imageReader(rootsOf(dir, imagesDir));
  const pairs: PairView[] = [];
  const layout = await kpiLayout(shown?.source.iteration.training_spec ?? config.specs_file, imagesDir);
  if (shown !== undefined) {
    if (layout === undefined) note("The spec or the images root is not readable: sample images cannot be found.");
    const real = await realPair(shown.view.label, shown.table, layout, read);
    if (real !== undefined) pairs.push(real);
  }
  const generated = iterations.filter(({ iteration }) => iteration.anomalygen_sdg_csv !== undefined);
  const source = generated.find(({ label }) => label === shown?.view.label) ?? generated.at(-1);
  const synthetic = source && (await syntheticPair(source.label, source.iteration, read));
  if (synthetic !== undefined) pairs.push(synthetic);
  else if (source !== undefined) note(`${source.label}: no generated pair of images can be read.`);
  const weakest =
    shown === undefined ? [] : await weakestSamples(shown.table, shown.view.point.threshold, layout, read, note);
  return { pairs, weakest };
}

async function specHistory(baseSpec: string | undefined, iterations: readonly Labelled[]) {
  let before = baseSpec === undefined ? undefined : await flatSpec(baseSpec);
  const history: ReportModel["spec_changes"][number][] = [];
  for (const { label, iteration } of iterations) {
    const after = iteration.training_spec === undefined ? undefined : await flatSpec(iteration.training_spec);
    if (before !== undefined && after !== undefined) history.push({ label, changes: specChanges(before, after) });
    before = after ?? before;
  }
  return history;
}
