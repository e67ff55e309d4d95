import { boxWindows, goodWindows, windowSide } from "./crops.ts";
import { defectLabel } from "./labels.ts";
import type { Rect, Source, SourceImage } from "./source.ts";
import { stemOf } from "./tree.ts";

/** One thing to inspect, under every lighting: an image, or a window of the image of a whole board. */
export type Part = {
  /** Unique, and fit for a file name. */
  readonly object: string;
  readonly image: SourceImage;
  /** Absolute paths by lighting; the key is empty where the source names no lighting. */
  readonly files: Readonly<Record<string, string>>;
  /** Golden images that the source itself names, by lighting; absent unless it does so for each. */
  readonly stated?: Readonly<Record<string, string>>;
  /** `PASS` or a defect as the loop writes it, and as the source has it. */
  readonly label: string;
  readonly written: string;
  readonly board: string;
  /** What images must share to be a pair: category, component, view. */
  readonly place: string;
  readonly window?: Rect;
  readonly box?: Rect;
};

/** What is shown of a pair: files and what is cut out of them. */
export type Shown = {
  readonly file: string;
  readonly window: Rect | undefined;
  readonly golden: string;
  readonly golden_window: Rect | undefined;
};

/** An image or window that is not taken, and why; with what was tried, where it is no pair. */
export type LeftOut = { readonly name: string; readonly why: string; readonly tried?: Shown };

export type Parts = {
  readonly parts: readonly Part[];
  readonly left_out: readonly LeftOut[];
  readonly lightings: readonly string[];
  /** Side of the windows in pixels where the images show whole boards. */
  readonly window_px?: number;
};

/** A name of letters, digits, dots and hyphens that tells as much of `text` as 80 characters hold, its end first. */
export function slug(text: string): string {
  return (
    text
      .replaceAll(/[^A-Za-z0-9.-]+/g, "_")
      .replaceAll(/^[_.-]+|[_.-]+$/g, "")
      .slice(-80) || "x"
  );
}

/** Turns the images of a source into what is inspected: lightings of one part together, whole boards cut into windows. */
export async function partsOf(
  source: Source,
  isGood: (label: string) => boolean,
  sizeOf: (path: string) => Promise<{ width: number; height: number } | undefined>,
): Promise<Parts> {
  const named = objectNames();
  const lightings = [...new Set(source.images.map(({ lighting }) => lighting ?? ""))].sort();
  const boarded = source.images.filter((image) => image.boxes !== undefined);
  const { parts, left_out } = wholeParts(source.images, lightings, isGood, named);
  if (boarded.length === 0) return { parts, left_out, lightings };
  const side = windowSide(boarded.flatMap(({ boxes }) => boxes ?? []));
  const windows: Part[] = [];
  for (const image of boarded) {
    const size = await sizeOf(image.path);
    if (size === undefined) {
      left_out.push({ name: image.name, why: "it cannot be decoded" });
      continue;
    }
    const cuts = [
      ...boxWindows(image.boxes ?? [], side, size).map(({ box, window }) => ({ window, box, written: box.label })),
      ...goodWindows(image, side, size).map((window) => ({ window, box: undefined, written: "no box" })),
    ];
    for (const [at, { window, box, written }] of cuts.entries()) {
      const object = named(`${image.name.replace(/\.[^.]+$/, "")}_c${String(at + 1).padStart(2, "0")}`);
      const isDefect = box !== undefined && !isGood(written);
      const part = { ...basic(image), object, label: isDefect ? defectLabel(written) : "PASS", written, window };
      windows.push(box === undefined ? part : { ...part, box });
    }
  }
  return { parts: [...parts, ...windows], left_out, lightings, window_px: side };
}

/** What the images of one part, one a lighting, say of it. */
function basic(image: SourceImage, group: readonly SourceImage[] = [image]) {
  const files = Object.fromEntries(group.map(({ lighting, path }) => [lighting ?? "", path]));
  const place = [image.category, image.place ?? ""].join("\0");
  const known = { image, files, board: image.board ?? image.name, place };
  const goldens = group.flatMap(({ lighting, golden }) => (golden === undefined ? [] : [[lighting ?? "", golden]]));
  return goldens.length < group.length ? known : { ...known, stated: Object.fromEntries(goldens) };
}

function wholeParts(
  images: readonly SourceImage[],
  lightings: readonly string[],
  isGood: (label: string) => boolean,
  named: (text: string) => string,
): { parts: Part[]; left_out: LeftOut[] } {
  const groups = new Map<string, SourceImage[]>();
  for (const image of images) {
    if (image.boxes !== undefined) continue;
    const key = image.lighting === undefined ? image.name : image.name.replaceAll(image.lighting, "*");
    groups.set(key, [...(groups.get(key) ?? []), image]);
  }
  const parts: Part[] = [];
  const left_out: LeftOut[] = [];
  for (const [key, group] of groups) {
    const [first] = group;
    const labels = new Set(group.map(({ label }) => label ?? ""));
    if (first === undefined) continue;
    if (group.length !== lightings.length) left_out.push({ name: first.name, why: "a lighting is missing" });
    else if (labels.size > 1) left_out.push({ name: first.name, why: "its lightings have different labels" });
    else if ((first.label ?? "").trim() === "") left_out.push({ name: first.name, why: "no label" });
    else {
      const written = first.label ?? "";
      const object = named(stemOf(key) === "*" ? key : key.replace(/\.[^.]+$/, ""));
      parts.push({ ...basic(first, group), object, label: isGood(written) ? "PASS" : defectLabel(written), written });
    }
  }
  return { parts, left_out };
}

/** Hands out names that are told apart even where letters had to be replaced, whatever the file system thinks of case. */
function objectNames(): (text: string) => string {
  const taken = new Set<string>();
  return (text) => {
    const base = slug(text);
    let name = base;
    for (let more = 2; taken.has(name.toLowerCase()); more++) name = `${base}-${more}`;
    taken.add(name.toLowerCase());
    return name;
  };
}
