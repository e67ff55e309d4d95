import type { Gray } from "../image/gray.ts";

/** A defect shape cut out of its mask: pixels relative to the middle of its bounding box. */
export type Shape = { dx: Int16Array; dy: Int16Array };

/** Pixels that a mask marks (above half), or undefined when it marks none. */
export function shapeOf(mask: Gray): Shape | undefined {
  const points: [number, number][] = [];
  for (let p = 0; p < mask.data.length; p++) {
    if ((mask.data[p] as number) > 127) points.push([p % mask.width, Math.floor(p / mask.width)]);
  }
  if (points.length === 0) return undefined;
  const middle = (axis: 0 | 1) => {
    const values = points.map((point) => point[axis]);
    return Math.round((Math.min(...values) + Math.max(...values)) / 2);
  };
  const [cx, cy] = [middle(0), middle(1)];
  return {
    dx: Int16Array.from(points, ([x]) => x - cx),
    dy: Int16Array.from(points, ([, y]) => y - cy),
  };
}

/** The shape turned by quarters and optionally mirrored. */
export function turned({ dx, dy }: Shape, quarters: number, mirrored: boolean): Shape {
  let x = mirrored ? dx.map((v) => -v) : dx;
  let y = dy;
  for (let i = 0; i < quarters; i++) [x, y] = [y.map((v) => -v), x];
  return { dx: x, dy: y };
}

export type PlacementRule = {
  width: number;
  height: number;
  /** Where the middle of the shape may lie; all of the image when absent. */
  anchors: readonly number[] | undefined;
  /** Where the shape would change something, with the least share and number of its pixels that must lie there. */
  target: { region: Uint8Array; share: number; pixels: number } | undefined;
  /** Conductor groups (-1 is none) of which the shape must touch two; not asked when absent. */
  groups: Int32Array | undefined;
};

const TRIES = 200;
const BORDER = 4;

/**
 * Finds a place for the shape by trial, or undefined when none of 200 fits: inside the image with a border of 4 px, on
 * enough of the target region, and touching two groups where that is asked.
 */
export function placeShape(shape: Shape, rule: PlacementRule, random: () => number): Int32Array | undefined {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const turnedShape = turned(shape, Math.floor(random() * 4), random() < 0.5);
    const at = chooseAnchor(rule, random);
    const pixels = pixelsAt(turnedShape, at % rule.width, Math.floor(at / rule.width), rule);
    if (pixels !== undefined && fits(pixels, rule)) return pixels;
  }
  return undefined;
}

function chooseAnchor({ anchors, width, height }: PlacementRule, random: () => number): number {
  if (anchors === undefined) return Math.floor(random() * width * height);
  return anchors[Math.floor(random() * anchors.length)] ?? 0;
}

function pixelsAt({ dx, dy }: Shape, x: number, y: number, { width, height }: PlacementRule): Int32Array | undefined {
  const out = new Int32Array(dx.length);
  for (let i = 0; i < out.length; i++) {
    const px = x + (dx[i] as number);
    const py = y + (dy[i] as number);
    if (px < BORDER || py < BORDER || px >= width - BORDER || py >= height - BORDER) return undefined;
    out[i] = py * width + px;
  }
  return out;
}

function fits(pixels: Int32Array, { target, groups, width }: PlacementRule): boolean {
  if (target !== undefined) {
    let inside = 0;
    for (const p of pixels) inside += target.region[p] as number;
    if (inside < target.pixels || inside < target.share * pixels.length) return false;
  }
  if (groups === undefined) return true;
  let first = -1;
  for (const p of pixels) {
    for (const q of [p, p - 1, p + 1, p - width, p + width]) {
      const group = groups[q] ?? -1;
      if (group < 0) continue;
      if (first < 0) first = group;
      else if (group !== first) return true;
    }
  }
  return false;
}
