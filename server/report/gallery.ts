import { dirname, join } from "node:path";
import { scanTable } from "../data/csv.ts";
import { Refusal } from "../errors.ts";
import { defined } from "../run/defined.ts";
import { type ImageLayout, imagePath } from "../run/images.ts";
import { type GalleryPictures, galleryPictures } from "./gallery-pictures.ts";
import { syntheticFolder } from "./growth.ts";
import { boardOf, componentOf, type KpiRow } from "./kpi-rows.ts";
import { changesBetween, type Judged, misjudged, partKeys } from "./misjudged.ts";
import type { Arrivals, Gallery, GalleryIteration, GalleryRow } from "./model.ts";

/** Parts that a page lists; a row costs it about a hundred bytes. */
const rowLimit = 4000;
/** Rows of all iterations together that a report reads for its gallery. */
export const galleryReadLimit = 150_000;
const arrivalPictures = 12;

type Place = {
  readonly runDir: string;
  readonly imagesDir: string | undefined;
  readonly layout: ImageLayout | undefined;
};
type Arrived = Omit<Arrivals, "pictures"> & { readonly shown: readonly { label: string; path: string }[] };

/**
 * Every part that some iteration misjudges, with its images as far as they fit, and then the parts nearest to the
 * threshold of `best`, which a moved threshold may turn. Iterations come in the order of the run.
 */
export async function galleryOf(
  judged: readonly Judged[],
  best: string | undefined,
  labels: readonly string[],
  place: Place,
): Promise<Gallery> {
  const workspace = dirname(dirname(place.runDir));
  const roots = [place.runDir, workspace, ...(place.imagesDir === undefined ? [] : [place.imagesDir])];
  const pictures = galleryPictures(roots);
  const { rows, wrong } = await rowsOf(judged, best, place.layout, pictures);
  return {
    iterations: judged.map((one, at) => iterationOf(one, judged[at - 1])),
    rows,
    left_out: Math.max(0, wrong - rowLimit),
    without_picture: rows.slice(0, wrong).filter(({ test }) => test === undefined).length,
    arrivals: await arrivalsOf(place, labels, workspace, pictures),
    pictures: pictures.uris,
  };
}

function iterationOf(now: Judged, before: Judged | undefined): GalleryIteration {
  const wrong = misjudged(now);
  const missed = wrong.filter(({ defective }) => defective).length;
  const changes = before && changesBetween(before, now);
  return {
    label: now.label,
    threshold: now.threshold,
    missed,
    false_alarms: wrong.length - missed,
    ...defined({
      fixed: changes?.fixed.length,
      broken: changes?.broken.length,
      still: changes?.still.length,
    }),
  };
}

async function rowsOf(
  judged: readonly Judged[],
  best: string | undefined,
  layout: ImageLayout | undefined,
  pictures: GalleryPictures,
): Promise<{ rows: GalleryRow[]; wrong: number }> {
  const scores = new Map<string, (number | null)[]>();
  const keyed = judged.map((one) => ({
    ...one,
    keys: new Map(partKeys(one.rows).map((key, at) => [one.rows[at], key])),
  }));
  for (const [at, { keys }] of keyed.entries()) {
    for (const [row, key] of keys) {
      const known = scores.get(key) ?? judged.map(() => null);
      known[at] = row?.score ?? null;
      scores.set(key, known);
    }
  }
  const first = keyed.find(({ label }) => label === best) ?? keyed.at(-1);
  const order = first === undefined ? [] : [first, ...keyed.filter((one) => one !== first).reverse()];
  const chosen = new Map<string, KpiRow>();
  const choose = (rows: readonly KpiRow[], keys: ReadonlyMap<KpiRow | undefined, string>) => {
    for (const row of rows) chosen.set(keys.get(row) ?? "", chosen.get(keys.get(row) ?? "") ?? row);
  };
  for (const one of order) choose(misjudged(one), one.keys);
  const wrong = chosen.size;
  if (first !== undefined) {
    const near = (row: KpiRow) => Math.abs(row.score - first.threshold);
    choose([...first.rows].sort((a, b) => near(a) - near(b)).slice(0, rowLimit), first.keys);
  }
  const rows: GalleryRow[] = [];
  for (const [key, row] of [...chosen].slice(0, rowLimit)) {
    rows.push(await galleryRow(row, scores.get(key) ?? [], layout, pictures, rows.length < wrong ? "needed" : "spare"));
  }
  return { rows, wrong };
}

/** Pictures are of a part's first lighting. */
async function galleryRow(
  row: KpiRow,
  scores: readonly (number | null)[],
  layout: ImageLayout | undefined,
  pictures: GalleryPictures,
  kind: "needed" | "spare",
): Promise<GalleryRow> {
  const { label, object_name, defective, input_path, golden_path } = row;
  const place = { board: boardOf(row), component: componentOf(row) };
  const of = async (directory: string) =>
    layout && (await pictures.add(imagePath(layout, directory, object_name, layout.lightings[0]), kind));
  const shown = defined({ test: await of(input_path), golden: await of(golden_path) });
  return { name: object_name, label: label.trim(), ...place, defective, scores, ...shown };
}

/** What mining and generation brought into the training set of each iteration, and the first pictures of either. */
async function arrivalsOf(
  { runDir, layout }: Place,
  labels: readonly string[],
  workspace: string,
  pictures: GalleryPictures,
): Promise<Arrivals[]> {
  const all: Arrivals[] = [];
  for (const iteration of labels) {
    const found = await readArrivals(runDir, iteration, workspace, layout);
    for (const { shown, ...rest } of found) {
      const seen: Arrivals["pictures"][number][] = [];
      for (const { label, path } of shown) {
        const at = await pictures.add(path);
        if (at !== undefined) seen.push({ label, picture: at });
      }
      all.push({ ...rest, pictures: seen });
    }
  }
  return all;
}

async function readArrivals(
  runDir: string,
  iteration: string,
  workspace: string,
  layout: ImageLayout | undefined,
): Promise<Arrived[]> {
  const kinds = { mined: new Map<string, string[]>(), generated: new Map<string, string[]>() };
  try {
    await scanTable(join(runDir, iteration, "mining_filter", "mining_pool.csv"), (header) => {
      const [input, label, object] = ["input_path", "label", "object_name"].map((name) => header.indexOf(name));
      return (cells) => {
        const directory = cells[input ?? -1] ?? "";
        const kind = syntheticFolder.test(directory) ? kinds.generated : kinds.mined;
        const name = cells[label ?? -1] ?? "";
        const path =
          layout &&
          imagePath({ ...layout, images_dir: workspace }, directory, cells[object ?? -1] ?? "", layout.lightings[0]);
        const paths = kind.get(name) ?? [];
        paths.push(path ?? "");
        kind.set(name, paths);
      };
    });
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
  return Object.entries(kinds).flatMap(([kind, found]) =>
    found.size === 0 ? [] : [arrived(iteration, kind as "mined" | "generated", found)],
  );
}

/** Pictures of every label in turn, until there are enough. */
function arrived(
  iteration: string,
  kind: "mined" | "generated",
  found: ReadonlyMap<string, readonly string[]>,
): Arrived {
  const labels = [...found].map(([label, paths]) => ({ label, rows: paths.length }));
  const most = Math.max(...labels.map(({ rows }) => rows));
  const shown: { label: string; path: string }[] = [];
  for (let at = 0; at < most && shown.length < arrivalPictures; at++) {
    for (const [label, paths] of found) {
      const path = paths[at];
      if (path && shown.length < arrivalPictures) shown.push({ label, path });
    }
  }
  return { iteration, kind, labels, shown };
}
