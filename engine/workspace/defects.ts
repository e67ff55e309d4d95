import { between, pickOne, type Random, wholeBetween } from "./random.ts";
import { copyRaster, isCopper, type Point, paintDisc, paintStroke, type Raster } from "./raster.ts";

/** The defect types that are drawn; labels, mask folders and the generator's spec use the same words. */
export const defectTypes = ["open", "bridge", "mousebite", "spur", "copper", "pin-hole"] as const;
export type DefectType = (typeof defectTypes)[number];

/** A board with one defect, and where it is. */
export type Flawed = { readonly board: Raster; readonly at: Point };

/** Pixels kept free of defects at the window's border. */
const BORDER = 11;
const TRIES = 400;

/** Draws one defect where the board has room for it; undefined when no place was found. */
export function drawDefect(type: DefectType, board: Raster, random: Random): Flawed | undefined {
  for (let tries = TRIES; tries > 0; tries--) {
    const flawed = place[type](board, random);
    if (flawed !== undefined) return flawed;
  }
  return undefined;
}

type Place = (board: Raster, random: Random) => Flawed | undefined;

/** A point of a copper edge with the direction into the copper. */
type Edge = { readonly on: Point; readonly inward: Point };

/** A cut right across a trace. */
const placeOpen: Place = (board, random) => {
  const edge = findEdge(board, random);
  if (edge === undefined) return undefined;
  const depth = reach(board, edge, 1, true, 12);
  if (depth < 3 || depth > 11 || !isClear(board, edge, depth, 3)) return undefined;
  const flawed = copyRaster(board);
  paintStroke(flawed, along(edge, -2), along(edge, depth + 2), between(random, 3, 7), false, "flat");
  return { board: flawed, at: along(edge, depth / 2) };
};

/** A strip of copper between two conductors. */
const placeBridge: Place = (board, random) => {
  const edge = findEdge(board, random);
  if (edge === undefined) return undefined;
  const gap = reach(board, edge, -1, false, 18);
  if (gap < 3 || gap > 17) return undefined;
  const flawed = copyRaster(board);
  paintStroke(flawed, along(edge, 1.5), along(edge, -gap - 1.5), between(random, 2.6, 5), true, "flat");
  return { board: flawed, at: along(edge, -gap / 2) };
};

/** A bite out of a copper edge that leaves the conductor whole. */
const placeMousebite: Place = (board, random) => {
  const edge = findEdge(board, random);
  if (edge === undefined) return undefined;
  const radius = between(random, 2.3, 4.2);
  if (reach(board, edge, 1, true, 12) < radius * 1.35 + 1.5) return undefined;
  const flawed = copyRaster(board);
  const centre = along(edge, radius * 0.35);
  paintDisc(flawed, centre, radius, false);
  return { board: flawed, at: centre };
};

/** A thorn of copper that ends before the next conductor. */
const placeSpur: Place = (board, random) => {
  const edge = findEdge(board, random);
  if (edge === undefined) return undefined;
  const length = between(random, 3.5, 7);
  if (reach(board, edge, -1, false, 14) < length + 2.5) return undefined;
  const flawed = copyRaster(board);
  paintStroke(flawed, along(edge, 1), along(edge, 1 - length), between(random, 2.4, 3.8), true);
  return { board: flawed, at: along(edge, -length / 2) };
};

/** A blot of copper alone on the laminate. */
const placeCopper: Place = (board, random) => placeBlot(board, random, true);

/** A hole through the inside of a conductor. */
const placePinHole: Place = (board, random) => placeBlot(board, random, false);

const place: Record<DefectType, Place> = {
  open: placeOpen,
  bridge: placeBridge,
  mousebite: placeMousebite,
  spur: placeSpur,
  copper: placeCopper,
  "pin-hole": placePinHole,
};

function placeBlot(board: Raster, random: Random, copper: boolean): Flawed | undefined {
  const centre = anywhere(board, random);
  const radius = copper ? between(random, 1.9, 3.4) : between(random, 1.7, 2.8);
  const room = copper ? radius * 1.4 + 1.2 : radius + 1.6;
  for (let angle = 0; angle < 16; angle++) {
    const x = centre.x + room * Math.cos((angle * Math.PI) / 8);
    const y = centre.y + room * Math.sin((angle * Math.PI) / 8);
    if (isCopper(board, x, y) === copper) return undefined;
  }
  if (isCopper(board, centre.x, centre.y) === copper) return undefined;
  const flawed = copyRaster(board);
  paintDisc(flawed, centre, radius, copper);
  for (let lobes = copper ? wholeBetween(random, 1, 2) : 0; lobes > 0; lobes--) {
    const turn = between(random, 0, 2 * Math.PI);
    const lobe = { x: centre.x + radius * 0.7 * Math.cos(turn), y: centre.y + radius * 0.7 * Math.sin(turn) };
    paintDisc(flawed, lobe, radius * 0.7, copper);
  }
  return { board: flawed, at: centre };
}

function anywhere(board: Raster, random: Random): Point {
  return { x: between(random, BORDER, board.side - BORDER), y: between(random, BORDER, board.side - BORDER) };
}

/** Walks from a random point along an axis to the first change of material; the edge must be straight there. */
function findEdge(board: Raster, random: Random): Edge | undefined {
  const start = anywhere(board, random);
  const way = pickOne<Point>(random, [
    { x: 1, y: 0 },
    { x: -1, y: 0 },
    { x: 0, y: 1 },
    { x: 0, y: -1 },
    { x: Math.SQRT1_2, y: Math.SQRT1_2 },
    { x: Math.SQRT1_2, y: -Math.SQRT1_2 },
  ]);
  if (isCopper(board, start.x, start.y)) return undefined;
  for (let distance = 0.5; distance < 24; distance += 0.5) {
    const x = start.x + way.x * distance;
    const y = start.y + way.y * distance;
    if (x < BORDER || y < BORDER || x > board.side - BORDER || y > board.side - BORDER) return undefined;
    if (isCopper(board, x, y)) return isStraight(board, { x, y }, way) ? { on: { x, y }, inward: way } : undefined;
  }
  return undefined;
}

/** Whether the edge runs across `way` for three pixels on both sides. */
function isStraight(board: Raster, on: Point, way: Point): boolean {
  return [-3, 3].every((aside) => {
    const x = on.x - way.y * aside;
    const y = on.y + way.x * aside;
    return isCopper(board, x + way.x * 1.5, y + way.y * 1.5) && !isCopper(board, x - way.x * 1.5, y - way.y * 1.5);
  });
}

function along(edge: Edge, distance: number): Point {
  return { x: edge.on.x + edge.inward.x * distance, y: edge.on.y + edge.inward.y * distance };
}

/** How far the material goes on from the edge, inward (1) or outward (-1), up to `limit` pixels. */
function reach(board: Raster, edge: Edge, way: 1 | -1, copper: boolean, limit: number): number {
  for (let distance = 0.5; distance < limit; distance += 0.5) {
    const point = along(edge, way * distance);
    if (isCopper(board, point.x, point.y) !== copper) return distance;
  }
  return limit;
}

/** Whether laminate follows for `length` pixels behind copper of the given depth. */
function isClear(board: Raster, edge: Edge, depth: number, length: number): boolean {
  for (let distance = depth + 0.5; distance <= depth + length; distance += 0.5) {
    const point = along(edge, distance);
    if (isCopper(board, point.x, point.y)) return false;
  }
  return true;
}
