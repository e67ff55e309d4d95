import { between, pickOne, type Random, wholeBetween, withChance } from "./random.ts";
import { blankRaster, type Point, paintDisc, paintRectangle, paintStroke, type Raster } from "./raster.ts";

/** Kinds of board in the generated workspace; one product uses one of them. */
export const boardStyles = ["bus", "array", "leads", "plane", "vias"] as const;
export type BoardStyle = (typeof boardStyles)[number];

type Draw = (raster: Raster, random: Random) => void;

/** Draws one window of a board of the given style; every call with a fresh stream gives another window. */
export function drawBoard(style: BoardStyle, side: number, random: Random): Raster {
  const raster = blankRaster(side);
  styles[style](raster, random);
  return raster;
}

/** Parallel traces, half of the time with a 45 degree step. */
const drawBus: Draw = (raster, random) => {
  const pitch = between(random, 11, 22);
  const width = between(random, 0.36, 0.58) * pitch;
  const upright = withChance(random, 0.5);
  const bend = withChance(random, 0.5) ? between(random, 0.25, 0.75) * raster.side : Number.NaN;
  const step = between(random, 8, 20);
  const start = between(random, -10 - step, -10 - step + pitch);
  for (let offset = start; offset < raster.side + 12; offset += pitch) {
    const path = Number.isNaN(bend)
      ? [at(-10, offset), at(raster.side + 10, offset)]
      : [at(-10, offset), at(bend, offset), at(bend + step, offset + step), at(raster.side + 10, offset + step)];
    paintPath(raster, upright ? path.map(turned) : path, width);
  }
};

/** A grid of round pads, some joined to a neighbour or led away. */
const drawArray: Draw = (raster, random) => {
  const pitch = between(random, 21, 31);
  const radius = between(random, 0.24, 0.34) * pitch;
  const origin = at(between(random, -pitch, 0), between(random, -pitch, 0));
  for (let y = origin.y; y < raster.side + pitch; y += pitch) {
    for (let x = origin.x; x < raster.side + pitch; x += pitch) {
      paintDisc(raster, at(x, y), radius, true);
      if (withChance(random, 0.5)) {
        const way = pickOne(random, [at(pitch, 0), at(0, pitch), at(pitch / 2, pitch / 2), at(pitch / 2, -pitch / 2)]);
        paintStroke(raster, at(x, y), at(x + way.x, y + way.y), between(random, 3.6, 6), true);
      }
    }
  }
};

/** Two rows of rectangular lands with traces leaving them. */
const drawLeads: Draw = (raster, random) => {
  const pitch = between(random, 15, 23);
  const land = between(random, 0.5, 0.66) * pitch;
  const middle = between(random, 0.35, 0.65) * raster.side;
  const gap = between(random, 6, 12);
  const length = between(random, 18, 28);
  for (let x = between(random, -pitch, 0); x < raster.side + pitch; x += pitch) {
    for (const way of [-1, 1]) {
      const near = middle + way * gap;
      const far = near + way * length;
      paintRectangle(raster, at(x, Math.min(near, far)), at(x + land, Math.max(near, far)), true);
      if (!withChance(random, 0.7)) continue;
      const lean = pickOne(random, [0, 0, pitch / 2]);
      const width = between(random, 3.6, 5.4);
      paintStroke(raster, at(x + land / 2, far), at(x + land / 2 + lean, far + way * 60), width, true);
    }
  }
};

/** A copper pour with slots, cleared pads and bare corners. */
const drawPlane: Draw = (raster, random) => {
  const edge = between(random, -20, 0.5 * raster.side);
  paintRectangle(raster, at(edge, -20), at(raster.side + 20, raster.side + 20), true);
  for (let count = wholeBetween(random, 1, 3); count > 0; count--) {
    const centre = somewhere(raster, random, 4);
    const radius = between(random, 5, 8);
    paintDisc(raster, centre, radius + between(random, 3.5, 6), false);
    paintDisc(raster, centre, radius, true);
  }
  for (let count = wholeBetween(random, 0, 2); count > 0; count--) {
    const from = somewhere(raster, random, 0);
    const to = withChance(random, 0.5) ? at(raster.side + 20, from.y) : at(from.x, raster.side + 20);
    paintStroke(raster, from, to, between(random, 4, 8), false);
  }
};

/** Ringed holes and a few traces on open laminate. */
const drawVias: Draw = (raster, random) => {
  for (let count = wholeBetween(random, 1, 3); count > 0; count--) {
    const y = between(random, 6, raster.side - 6);
    const bend = between(random, 0.2, 0.8) * raster.side;
    const step = pickOne(random, [-14, 0, 14]);
    const path = [at(-10, y), at(bend, y), at(bend + Math.abs(step), y + step), at(raster.side + 10, y + step)];
    paintPath(raster, withChance(random, 0.5) ? path.map(turned) : path, between(random, 4.5, 8));
  }
  for (let count = wholeBetween(random, 1, 3); count > 0; count--) {
    const centre = somewhere(raster, random, 8);
    const radius = between(random, 7, 12);
    paintDisc(raster, centre, radius, true);
    if (withChance(random, 0.6)) paintDisc(raster, centre, radius * between(random, 0.35, 0.5), false);
  }
};

const styles: Record<BoardStyle, Draw> = {
  bus: drawBus,
  array: drawArray,
  leads: drawLeads,
  plane: drawPlane,
  vias: drawVias,
};

function at(x: number, y: number): Point {
  return { x, y };
}

function turned(point: Point): Point {
  return { x: point.y, y: point.x };
}

function somewhere(raster: Raster, random: Random, border: number): Point {
  return at(between(random, border, raster.side - border), between(random, border, raster.side - border));
}

function paintPath(raster: Raster, path: readonly Point[], width: number): void {
  for (const [index, point] of path.entries()) {
    const next = path[index + 1];
    if (next !== undefined) paintStroke(raster, point, next, width, true);
  }
}
