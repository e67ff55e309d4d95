import { existsSync, readFileSync } from "node:fs";
import { parseJson } from "../../server/fs/json.ts";
import { EngineFailure } from "../failure.ts";
import type { Pixels } from "../image/decode.ts";
import { findBlobs } from "../image/filters.ts";

/** Class of each pixel of a colour mask: index into `classes`, -1 where the colour is not in the labels file. */
export type ClassMap = { width: number; height: number; classes: string[]; at: Int8Array };

/** Colours of semantic_segmentation_labels.json: `(r, g, b, a)` to class name. */
export type LabelColours = ReadonlyMap<string, string>;

/** Reads the labels file. @throws EngineFailure when it is missing or not what AnomalyGen expects. */
export function readLabelColours(path: string): LabelColours {
  if (!existsSync(path)) throw new EngineFailure("FileNotFoundError", `[Errno 2] No such file or directory: '${path}'`);
  try {
    const table = parseJson(readFileSync(path, "utf8")) as Record<string, { class?: unknown }>;
    return new Map(
      Object.entries(table).map(([colour, entry]) => [
        colour
          .replace(/[()\s]/g, "")
          .split(",")
          .slice(0, 3)
          .join(","),
        String(entry.class ?? ""),
      ]),
    );
  } catch (error) {
    throw new EngineFailure("ValueError", `${path} is not a labels file`, { cause: error });
  }
}

/** Looks every pixel of a colour mask up in the labels. */
export function classifyPixels({ width, height, data }: Pixels, colours: LabelColours): ClassMap {
  const classes = [...new Set(colours.values())];
  const at = new Int8Array(width * height);
  const seen = new Map<number, number>();
  for (let p = 0; p < at.length; p++) {
    const [r, g, b] = [data[4 * p] as number, data[4 * p + 1] as number, data[4 * p + 2] as number];
    const colour = (r << 16) | (g << 8) | b;
    let found = seen.get(colour);
    if (found === undefined) {
      const name = colours.get(`${r},${g},${b}`);
      found = name === undefined ? -1 : classes.indexOf(name);
      seen.set(colour, found);
    }
    at[p] = found;
  }
  return { width, height, classes, at };
}

/** 1 where the mask has one of the named classes (case ignored). */
export function regionOf({ classes, at }: ClassMap, names: readonly string[]): Uint8Array {
  const wanted = classes.map((name) => names.includes(name.toLowerCase()));
  return Uint8Array.from(at, (index) => (index >= 0 && wanted[index] === true ? 1 : 0));
}

const conductors = ["pad", "solder"];

/**
 * Pixels on which a `cad` defect of this type may lie, or undefined where the type has no rule (AnomalyGen's cad2roi knows
 * bridge, missing, excess_solder and less_solder): a bridge lies between two separate conductor groups that are at most
 * `reach` pixels apart; the others lie on or around one.
 */
export function cadCandidates(map: ClassMap, type: string, reach: number): Uint8Array | undefined {
  const conductor = regionOf(map, conductors);
  switch (type.toLowerCase()) {
    case "bridge":
      return betweenGroups(conductor, map.width, map.height, reach);
    case "missing":
    case "less_solder":
      return conductor;
    case "excess_solder":
      return grown(conductor, map.width, map.height, 3).map((on, p) => (on === 1 && conductor[p] === 0 ? 1 : 0));
    default:
      return undefined;
  }
}

/** Gap pixels that have one conductor group on one side and another one on the opposite side, along a row or a column. */
function betweenGroups(conductor: Uint8Array, width: number, height: number, reach: number): Uint8Array {
  const group = groupsOf(conductor, width, height);
  const out = new Uint8Array(conductor.length);
  const scan = (start: number, step: number, count: number): void => {
    let last = -1;
    for (let i = 0; i < count; i++) {
      const here = group[start + i * step] as number;
      if (here < 0) continue;
      if (last >= 0 && i - last - 1 > 0 && i - last - 1 <= reach && group[start + last * step] !== here) {
        for (let k = last + 1; k < i; k++) out[start + k * step] = 1;
      }
      last = i;
    }
  };
  for (let y = 0; y < height; y++) scan(y * width, 1, width);
  for (let x = 0; x < width; x++) scan(x, width, height);
  return out;
}

/** The number of the connected group that each pixel of a region belongs to, -1 outside of it. */
export function groupsOf(region: Uint8Array, width: number, height: number): Int32Array {
  const groups = new Int32Array(region.length).fill(-1);
  findBlobs(Float32Array.from(region), width, height, 0.5).forEach((blob, index) => {
    for (const p of blob) groups[p] = index;
  });
  return groups;
}

/** A region with every pixel within `steps` pixels (8 neighbours) added. */
export function grown(region: Uint8Array, width: number, height: number, steps: number): Uint8Array {
  let out = region;
  for (let step = 0; step < steps; step++) {
    const next = new Uint8Array(out);
    for (let p = 0; p < out.length; p++) {
      if (out[p] === 0) continue;
      const x = p % width;
      for (let dy = -width; dy <= width; dy += width) {
        for (let dx = -1; dx <= 1; dx++) {
          const q = p + dy + dx;
          if (x + dx >= 0 && x + dx < width && q >= 0 && q < width * height) next[q] = 1;
        }
      }
    }
    out = next;
  }
  return out;
}
