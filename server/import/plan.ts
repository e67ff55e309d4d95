import { imageHeader } from "../data/image-header.ts";
import { type Facts, Refusal } from "../errors.ts";
import { readBytes } from "../fs/read.ts";
import { distinctImages, joinAlike } from "./duplicates.ts";
import { imageDecoder } from "./gray.ts";
import { goodTest } from "./labels.ts";
import { type Pair, type PairingRule, type Progress, pairParts } from "./pairing.ts";
import { type LeftOut, type Parts, partsOf } from "./parts.ts";
import { goldenAdvice, type ReadingWish, readSource } from "./read-source.ts";
import { countLabels, type SplitName, type Splits, splitNames, splitPairs } from "./split.ts";

export type ImportWish = ReadingWish & {
  /** Absolute. */
  readonly source: string;
  /** Labels that mean a good part; without any, the known words do. */
  readonly good: readonly string[];
  /** Share of the rows that is kept out of everything, 0..0.5. */
  readonly holdout: number;
  readonly seed: number;
};

/** What an import would make, complete: writing it adds nothing of its own. */
export type ImportPlan = {
  readonly source: string;
  readonly layout: string;
  readonly images: number;
  readonly splits: Splits;
  /** Labels as written, what each becomes, and rows of it. */
  readonly labels: readonly { readonly written: string; readonly label: string; readonly rows: number }[];
  readonly rules: Readonly<Partial<Record<PairingRule, number>>>;
  readonly references: number;
  readonly lightings: readonly string[];
  readonly window_px?: number;
  readonly left_out: readonly LeftOut[];
  readonly alike: readonly (readonly [string, string])[];
  readonly notes: readonly string[];
};

/** Share of parts without a fitting golden image at which the photos as such are no pairs. */
const failingShare = 0.5;

/**
 * Plans an import: reads the source, finds labels, golden images and boards by rule, and divides the rows. Changes
 * nothing.
 *
 * @throws Refusal `input.import-layout`, `input.no-good-parts`, `input.no-pairs`, `input.too-few-boards`, and for files
 * that cannot be read `input.unreadable-file`. What cannot be decoded is left out.
 */
export async function planImport(wish: ImportWish, progress?: Progress): Promise<ImportPlan> {
  const source = await readSource(wish.source, wish);
  const distinct = await distinctImages(source.images);
  const found = await partsOf({ ...source, images: distinct.images }, goodTest(wish.good), sizeOf);
  refuseOneClass(found, distinct.left_out);
  const pairing = await pairParts(found.parts, imageDecoder(), progress);
  refuseNoPairs(pairing.pairs, pairing.left_out);
  const together = await joinAlike(inspectedFiles(pairing.pairs));
  const splits = splitPairs(pairing.pairs, together.groupOf, wish);
  refuseThinSets(splits, pairing.pairs);
  const rules: Partial<Record<PairingRule, number>> = {};
  for (const { rule } of pairing.pairs) rules[rule] = (rules[rule] ?? 0) + 1;
  const plan = {
    source: wish.source,
    layout: source.layout,
    images: source.images.length,
    splits,
    labels: labelMap(pairing.pairs),
    rules,
    references: pairing.references,
    lightings: found.lightings,
    left_out: [...distinct.left_out, ...found.left_out, ...pairing.left_out],
    alike: together.alike,
    notes: source.notes,
  };
  return found.window_px === undefined ? plan : { ...plan, window_px: found.window_px };
}

/** Every inspected file once, under every lighting. */
function inspectedFiles(pairs: readonly Pair[]) {
  const files = pairs.flatMap(({ files, image: { name }, board }) =>
    Object.values(files).map((path) => [path, { path, name, board }] as const),
  );
  return [...new Map(files).values()];
}

async function sizeOf(path: string): Promise<{ width: number; height: number } | undefined> {
  const bytes = await readBytes(path);
  return imageHeader(bytes, (position) => bytes.subarray(position));
}

function labelMap(pairs: readonly Pair[]): ImportPlan["labels"] {
  const rows = new Map<string, { written: string; label: string; rows: number }>();
  for (const { written, label } of pairs) {
    const key = `${label}\0${written}`;
    const known = rows.get(key) ?? { written, label, rows: 0 };
    rows.set(key, { ...known, rows: known.rows + 1 });
  }
  return [...rows.values()].sort((a, b) => b.rows - a.rows);
}

function refuseOneClass({ parts }: Parts, left_out: readonly LeftOut[]): void {
  const written = new Map<string, number>();
  for (const part of parts) written.set(part.written, (written.get(part.written) ?? 0) + 1);
  const good = parts.filter(({ label }) => label === "PASS").length;
  const labels = Object.fromEntries([...written].slice(0, 20));
  const facts: Facts = { labels, left_out: left_out.length, examples: left_out.slice(0, 3), golden: goldenAdvice };
  if (good === 0) throw new Refusal("input.no-good-parts", "No label means a good part.", facts);
  if (good === parts.length) throw new Refusal("input.no-good-parts", "Every label means a good part.", facts);
}

function refuseNoPairs(pairs: readonly Pair[], left_out: readonly LeftOut[]): void {
  const failing = left_out.filter(({ why }) => why.startsWith("no "));
  if (pairs.length > 0 && failing.length <= failingShare * (pairs.length + failing.length)) return;
  const message = `${failing.length} of ${pairs.length + failing.length} images have no golden image that shows the same place.`;
  throw new Refusal("input.no-pairs", message, { examples: failing.slice(0, 5), golden: goldenAdvice });
}

/** Every set but the pool needs good parts and defects; a holdout that was not asked for needs nothing. */
function refuseThinSets(splits: Splits, pairs: readonly Pair[]): void {
  const counts = Object.fromEntries(splitNames.map((name) => [name, Object.fromEntries(countLabels(splits[name]))]));
  const thin = (["training", "validation", "kpi"] as const satisfies SplitName[]).filter((name) => {
    const labels = countLabels(splits[name]);
    return !labels.has("PASS") || labels.size < 2 || splits[name].length < 2;
  });
  if (thin.length === 0 && splits.pool.length > 0) return;
  const boards = new Set(pairs.map(({ board }) => board)).size;
  const message = `${boards} boards do not fill training, validation, KPI and pool with good parts and defects each.`;
  throw new Refusal("input.too-few-boards", message, { boards, rows: pairs.length, sets: counts });
}
