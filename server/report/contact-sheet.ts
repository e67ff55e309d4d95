import { basename, extname, join } from "node:path";
import { scanTable } from "../data/csv.ts";
import { readGapTable } from "../data/gap-files.ts";
import { readParquet, textCell } from "../data/parquet.ts";
import { Refusal } from "../errors.ts";
import { defined } from "../run/defined.ts";
import { imagePath, normalPath } from "../run/images.ts";
import type { IterationState, RunConfig } from "../run/state.ts";
import type { PicturePlaces } from "./gallery.ts";
import { type GalleryPictures, galleryPictures } from "./gallery-pictures.ts";
import { syntheticFolder } from "./growth.ts";
import type { Note } from "./lenient.ts";
import type { ContactSheet, NewImage, NewImages } from "./model.ts";

/**
 * Images that a page shows of all iterations together: each iteration and source has an equal share of them, or of very
 * many the newest have the least that says something.
 */
const imageLimit = 144;
const imagesPerSource = { least: 2, most: 24 };
/** Characters of data URIs, and images to decode: the gallery of misjudged parts has its own. */
const limits = { budget: 1_500_000, decoded: 200 };

/** A row that came in, with paths of its pictures. */
type Come = Pick<NewImage, "label" | "name" | "like" | "similarity"> & {
  readonly path: string;
  readonly beside: string | undefined;
  readonly marked: string | undefined;
};
/** The first rows of each label, and how many there are. */
type ByLabel = Map<string, { rows: number; readonly first: Come[] }>;
type Kind = NewImages["kind"];
type Source = {
  readonly iteration: string;
  readonly kind: Kind;
  readonly rule: string;
  readonly labels: ByLabel;
  /** Reads what mining noted of its images. */
  readonly weak?: () => Promise<Weak>;
};

export type SheetRun = {
  readonly runDir: string;
  readonly workspace: string;
  readonly config: Partial<RunConfig>;
  readonly iterations: readonly { readonly label: string; readonly iteration: Partial<IterationState> }[];
};

/**
 * What mining and generation brought into the training set of each iteration, the first images of every label in turn: a
 * mined image beside the weak sample that it is most like, where mining noted it, and a generated one beside the image
 * that it was made from.
 */
export async function contactSheet(run: SheetRun, places: PicturePlaces, note: Note): Promise<ContactSheet> {
  const sources: Source[] = [];
  for (const one of run.iterations) sources.push(...(await sourcesOf(run, one, places, note)));
  const { least, most } = imagesPerSource;
  const share = Math.max(least, Math.min(most, Math.floor(imageLimit / Math.max(1, sources.length))));
  const withImages = new Set(sources.slice(-Math.floor(imageLimit / share)));
  const pictures = galleryPictures(places.roots, limits);
  const sheets: NewImages[] = [];
  for (const source of sources) {
    const { iteration, kind, rule, labels } = source;
    const images = withImages.has(source) ? await imagesOf(source, share, pictures) : [];
    const counts = [...labels].map(([label, { rows }]) => ({ label, rows }));
    const rows = counts.reduce((sum, one) => sum + one.rows, 0);
    sheets.push({ iteration, kind, rule, labels: counts, images, not_shown: rows - images.length });
  }
  return { sheets, pictures: pictures.uris };
}

async function imagesOf({ labels, weak }: Source, share: number, pictures: GalleryPictures): Promise<NewImage[]> {
  const noted = await weak?.();
  const images: NewImage[] = [];
  for (const come of inTurn(labels, share)) {
    const image = await pictured({ ...come, ...noted?.(come.path) }, pictures);
    if (image !== undefined) images.push(image);
  }
  return images;
}

/** A row whose own image cannot be shown is left out; what it is beside of may be absent. */
async function pictured(come: Come, pictures: GalleryPictures): Promise<NewImage | undefined> {
  const { path, beside, marked, ...image } = come;
  const picture = await pictures.add(path);
  if (picture === undefined) return undefined;
  const of = async (other: string | undefined) => (other === undefined ? undefined : await pictures.add(other));
  return { ...image, picture, ...defined({ beside: await of(beside), marked: await of(marked) }) };
}

/** Rows of every label in turn, until there are enough. */
function inTurn(labels: ByLabel, count: number): Come[] {
  const groups = [...labels.values()].map(({ first }) => first);
  const most = Math.max(...groups.map((group) => group.length));
  const turns = Array.from({ length: most }, (_, at) => groups.flatMap((group) => group[at] ?? []));
  return turns.flat().slice(0, count);
}

async function sourcesOf(
  { runDir, workspace, config }: SheetRun,
  { label: iteration, iteration: state }: SheetRun["iterations"][number],
  { layout }: PicturePlaces,
  note: Note,
): Promise<Source[]> {
  const kinds: Record<Kind, ByLabel> = { mined: new Map(), generated: new Map() };
  const marks = join(runDir, iteration, "anomalygen", "sdg", "annotated_image");
  const pathOf = (directory: string, object: string) =>
    layout && imagePath({ ...layout, images_dir: workspace }, directory, object, layout.lightings[0]);
  const found = await scanned(join(runDir, iteration, "mining_filter", "mining_pool.csv"), (header) => {
    const at = ["input_path", "golden_path", "label", "object_name"].map((name) => header.indexOf(name));
    return (cells) => {
      const [directory = "", golden = "", label = "", name = ""] = at.map((column) => cells[column] ?? "");
      const path = pathOf(directory, name) ?? "";
      const isMade = syntheticFolder.test(directory);
      const beside = isMade ? { beside: pathOf(golden, name), marked: join(marks, `${name}.png`) } : nothing;
      count(kinds[isMade ? "generated" : "mined"], { label, name, path, ...beside });
    };
  });
  if (!found) return [];
  const rule = String(state.settings?.mining ?? config.mining_filter?.rule ?? "vendor");
  const weak = () =>
    weakOfMined(state, layout?.lightings[0], (table, { code }) =>
      note(`${iteration}: ${table} cannot be read (${code}); what its mined images are like is not all shown.`),
    );
  const sources: Source[] = [
    { iteration, kind: "mined", rule, labels: kinds.mined, weak },
    { iteration, kind: "generated", rule: "", labels: kinds.generated },
  ];
  return sources.filter(({ labels }) => labels.size > 0);
}

function count(labels: ByLabel, come: Come): void {
  const known = labels.get(come.label) ?? { rows: 0, first: [] };
  known.rows++;
  if (known.first.length < imagesPerSource.most) known.first.push(come);
  labels.set(come.label, known);
}

async function scanned(path: string, read: Parameters<typeof scanTable>[1]): Promise<boolean> {
  return (await unlessRefused(() => scanTable(path, read))) !== undefined;
}

type Weak = (path: string) => Pick<Come, "beside" | "marked" | "like" | "similarity">;

const nothing = { beside: undefined, marked: undefined };

/** What mining noted of the image at a path; runs from before it did have similarities alone. */
async function weakOfMined(
  { mining_mined_parquet: mined, routing_mining_parquet: routed }: Partial<IterationState>,
  lighting: string | undefined,
  onRefused: (path: string, refusal: Refusal) => void,
): Promise<Weak> {
  const read = async <Table>(path: string | undefined, by: (path: string) => Promise<Table>) =>
    path === undefined
      ? undefined
      : await unlessRefused(
          () => by(path),
          (refusal) => onRefused(path, refusal),
        );
  const table = await read(mined, readParquet);
  const gaps = await read(routed, readGapTable);
  const labels = new Map(gaps?.map(({ filepath, label }) => [filepath, label]));
  const noted = new Map(
    table?.rows.map((row) => {
      const weak = table.columns.includes("weak_filepath") ? textCell(row, "weak_filepath") : "";
      const similarity = Number(row.max_cosine_similarity);
      const name = basename(weak, extname(weak)).replace(`_${lighting}`, "");
      const like = weak === "" ? {} : { beside: weak, like: { label: labels.get(weak) ?? "", name } };
      return [normalPath(textCell(row, "filepath")), { beside: undefined, marked: undefined, similarity, ...like }];
    }),
  );
  return (path) => noted.get(normalPath(path)) ?? nothing;
}

async function unlessRefused<Value>(
  run: () => Promise<Value>,
  onRefused: (refusal: Refusal) => void = () => undefined,
): Promise<Value | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
    return undefined;
  }
}
