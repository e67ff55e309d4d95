import type { Fields } from "../data/correlation.ts";
import { Refusal } from "../errors.ts";
import { sha256 } from "../fs/hash.ts";
import { type Alignment, alignFields, alignmentFields } from "./align.ts";
import { cropPixels, type Decoder, grayOf, wholeOf } from "./gray.ts";
import type { LeftOut, Part } from "./parts.ts";
import type { Rect } from "./source.ts";

/** How the golden image of a part is found; the words are those of the plan. */
export const pairingRules = {
  template: "the golden image that the data set names",
  "same-place": "the same place on a good board, the one that lies best of up to 8 kept as references",
  nearest: "the good image that lies best, of up to 8 kept as references",
} as const;
export type PairingRule = keyof typeof pairingRules;

export type Pair = Part & {
  /** Golden images by lighting, absolute. */
  readonly goldens: Readonly<Record<string, string>>;
  /** What is cut out of them, moved so that it shows what the part's window shows. */
  readonly golden_window?: Rect;
  readonly rule: PairingRule;
  readonly alignment: Alignment;
};

/** Told how far the work is, 0..1, and what is being done. */
export type Progress = (fraction: number, doing: string) => void;

export type Pairing = {
  readonly pairs: readonly Pair[];
  readonly left_out: readonly LeftOut[];
  /** Good images that serve as golden ones and are not inspected themselves. */
  readonly references: number;
};

/** True pairs of two data sets correlate by 0.7 and more, images of different places by 0.5 at most in 19 of 20 cases. */
export const pairCorrelation = 0.5;
/** One in ten good images, so that enough are left to inspect. */
const referenceShare = 0.1;
const referenceLimit = 8;

/** Pairs every part with a golden image and measures how the two lie. Parts that nothing fits are left out, with the figure. */
export async function pairParts(
  parts: readonly Part[],
  decode: Decoder,
  progress: Progress = () => {},
): Promise<Pairing> {
  const look = looker(decode);
  const references = await readable(referencesOf(parts), look);
  const reserved = new Set([...references.values()].flat().map(({ image }) => image.path));
  const pairs: Pair[] = [];
  const left_out: LeftOut[] = [];
  for (const [at, part] of parts.entries()) {
    if (at % 20 === 0) progress(at / parts.length, `pairs measured: ${at} of ${parts.length}`);
    if (reserved.has(part.image.path)) continue;
    const found = await unlessBroken(() => pairOf(part, references.get(part.place) ?? [], look));
    if ("why" in found) left_out.push({ name: part.window ? part.object : part.image.name, ...found });
    else pairs.push(found);
  }
  return { pairs, left_out, references: reserved.size };
}

type Failing = Omit<LeftOut, "name">;
type Look = (path: string, window?: Rect) => Promise<Fields>;

/** Fields of images that are kept, 36 MB of them: references are asked for again and again. */
const keptFields = 2000;

/** Fields of images are kept, those of windows are not: there are many, and each is asked for once. */
function looker(decode: Decoder): Look {
  const kept = new Map<string, Fields>();
  return async (path, window) => {
    if (window !== undefined) return alignmentFields(grayOf(cropPixels(await decode(path), window)));
    const known = kept.get(path) ?? alignmentFields(grayOf(await decode(path)));
    kept.delete(path);
    kept.set(path, known);
    for (const old of kept.keys()) if (kept.size > keptFields) kept.delete(old);
    return known;
  };
}

/** One broken file of a thousand must not stop an import: what it would have been part of is left out. */
async function unlessBroken<Found>(work: () => Promise<Found>): Promise<Found | Failing> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal && error.code === "gate.bad-image") {
      return { why: "it, or the golden image that is named for it, cannot be decoded" };
    }
    throw error;
  }
}

/** References without those that cannot be decoded. */
async function readable(references: ReadonlyMap<string, readonly Part[]>, look: Look): Promise<Map<string, Part[]>> {
  const kept = new Map<string, Part[]>();
  for (const [place, some] of references) {
    const found: Part[] = [];
    for (const part of some) {
      const seen = await unlessBroken(() => look(part.image.path));
      if (!("why" in seen)) found.push(part);
    }
    kept.set(place, found);
  }
  return kept;
}

/** Good images a place that are kept as references, from boards without any defect first. */
function referencesOf(parts: readonly Part[]): Map<string, Part[]> {
  const flawed = new Set(parts.filter(({ label }) => label !== "PASS").map(({ board }) => board));
  const byPlace = new Map<string, Map<string, Part>>();
  for (const part of parts) {
    if (part.stated !== undefined || part.label !== "PASS") continue;
    if (part.window !== undefined && part.image.boxes?.length !== 0) continue;
    const known = byPlace.get(part.place) ?? new Map<string, Part>();
    known.set(part.image.path, part);
    byPlace.set(part.place, known);
  }
  const order = ({ board }: Part) => `${flawed.has(board) ? 1 : 0} ${sha256(board)}`;
  return new Map(
    [...byPlace].map(([place, good]) => {
      const count = Math.max(1, Math.min(referenceLimit, Math.round(referenceShare * good.size)));
      return [place, [...good.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1)).slice(0, count)];
    }),
  );
}

async function pairOf(part: Part, references: readonly Part[], look: Look): Promise<Pair | Failing> {
  if (part.stated !== undefined) return await measured(part, part.stated, "template", look);
  const rule = part.image.place === undefined ? "nearest" : "same-place";
  let best: { reference: Part; correlation: number } | undefined;
  for (const reference of references) {
    if (reference.board === part.board) continue;
    const { correlation } = alignFields(await look(part.image.path), await look(reference.image.path));
    if (best === undefined || (correlation ?? 0) > best.correlation)
      best = { reference, correlation: correlation ?? 0 };
  }
  if (best === undefined) return { why: "no good image of this place is there to compare it with" };
  return await measured(part, best.reference.files, rule, look);
}

async function measured(
  part: Part,
  goldens: Readonly<Record<string, string>>,
  rule: PairingRule,
  look: Look,
): Promise<Pair | Failing> {
  const [golden = ""] = Object.values(goldens);
  const { path } = part.image;
  if (golden === path) return { why: "it is its own golden image" };
  const moved = await movedWindow(part, golden, look);
  const alignment = alignFields(await look(path, part.window), await look(golden, moved));
  const { correlation } = alignment;
  if (correlation !== null && correlation < pairCorrelation) {
    const tried = { file: path, window: part.window, golden, golden_window: moved };
    return { why: `no pair: it correlates by ${correlation.toFixed(2)} with its best golden image`, tried };
  }
  if (correlation === null && part.window !== undefined && part.label === "PASS") return { why: "an empty window" };
  const pair = { ...part, goldens, rule, alignment };
  return moved === undefined ? pair : { ...pair, golden_window: moved };
}

/** The window of the golden board that shows what the part's window shows: as it is, then moved as the windows lie. */
async function movedWindow(part: Part, golden: string, look: Look): Promise<Rect | undefined> {
  const { window, image } = part;
  if (window === undefined) return undefined;
  const inspected = await look(image.path, window);
  const shifted = (start: Rect, { dx_px, dy_px }: Alignment) => {
    return { ...start, x: start.x + Math.round(dx_px), y: start.y + Math.round(dy_px) };
  };
  const near = alignFields(inspected, await look(golden, window));
  if (near.correlation === null || near.correlation >= pairCorrelation) return shifted(window, near);
  const start = shifted(window, alignFields(await look(image.path), await look(golden)));
  return shifted(start, alignFields(inspected, await look(golden, start)));
}

/** How far the golden image is moved in all, in pixels: its window, and what is left inside it. */
export function motionOf({ window, golden_window, alignment }: Pair): {
  readonly dx_px: number;
  readonly dy_px: number;
} {
  const moved = (axis: "x" | "y") => (golden_window?.[axis] ?? 0) - (window?.[axis] ?? 0);
  const rounded = (pixels: number) => Math.round(pixels * 10) / 10;
  return { dx_px: rounded(moved("x") + alignment.dx_px), dy_px: rounded(moved("y") + alignment.dy_px) };
}

/** The window of a part, or all of an image. */
export function windowOr(window: Rect | undefined, size: { readonly width: number; readonly height: number }): Rect {
  return window ?? wholeOf(size);
}
