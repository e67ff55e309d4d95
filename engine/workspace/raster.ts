/** Bound once: they are called for every pixel. */
const { floor, hypot, max, min } = Math;

/** Raster samples per pixel of the finished image. */
const SCALE = 2;
/** Board drawn beyond the image on every side, in pixels, so that shift and rotation never look past it. */
const MARGIN = 8;

/** Copper (1) and laminate (0) of one board window; coordinates are pixels of the finished image. */
export type Raster = { readonly side: number; readonly width: number; readonly cells: Uint8Array };

export type Point = { readonly x: number; readonly y: number };

export function blankRaster(side: number): Raster {
  const width = (side + 2 * MARGIN) * SCALE;
  return { side, width, cells: new Uint8Array(width * width) };
}

export function copyRaster(raster: Raster): Raster {
  return { ...raster, cells: raster.cells.slice() };
}

/** Whether there is copper at a point; beyond the drawn margin the nearest drawn cell answers. */
export function isCopper(raster: Raster, x: number, y: number): boolean {
  return raster.cells[cell(raster, y) * raster.width + cell(raster, x)] === 1;
}

function cell(raster: Raster, coordinate: number): number {
  return max(0, min(raster.width - 1, floor((coordinate + MARGIN) * SCALE)));
}

/** Sets every cell whose centre fulfils `inside`, looking only at the given box. */
function paint(
  raster: Raster,
  box: { x0: number; y0: number; x1: number; y1: number },
  copper: boolean,
  inside: (x: number, y: number) => boolean,
): void {
  const right = cell(raster, box.x1);
  const bottom = cell(raster, box.y1);
  for (let row = cell(raster, box.y0); row <= bottom; row++) {
    const y = (row + 0.5) / SCALE - MARGIN;
    for (let column = cell(raster, box.x0); column <= right; column++) {
      const x = (column + 0.5) / SCALE - MARGIN;
      if (inside(x, y)) raster.cells[row * raster.width + column] = copper ? 1 : 0;
    }
  }
}

export function paintDisc(raster: Raster, at: Point, radius: number, copper: boolean): void {
  const box = { x0: at.x - radius, y0: at.y - radius, x1: at.x + radius, y1: at.y + radius };
  paint(raster, box, copper, (x, y) => (x - at.x) ** 2 + (y - at.y) ** 2 <= radius * radius);
}

export function paintRectangle(raster: Raster, from: Point, to: Point, copper: boolean): void {
  paint(raster, { x0: from.x, y0: from.y, x1: to.x, y1: to.y }, copper, (x, y) => {
    return x >= from.x && x <= to.x && y >= from.y && y <= to.y;
  });
}

/** A stroke of the given full width between two points; `round` ends reach half a width further. */
export function paintStroke(
  raster: Raster,
  from: Point,
  to: Point,
  width: number,
  copper: boolean,
  ends: "round" | "flat" = "round",
): void {
  const half = width / 2;
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = max(1e-6, hypot(dx, dy));
  const box = {
    x0: min(from.x, to.x) - half,
    y0: min(from.y, to.y) - half,
    x1: max(from.x, to.x) + half,
    y1: max(from.y, to.y) + half,
  };
  paint(raster, box, copper, (x, y) => {
    const along = ((x - from.x) * dx + (y - from.y) * dy) / length;
    if (ends === "flat" && (along < 0 || along > length)) return false;
    const nearest = max(0, min(length, along));
    return hypot(x - from.x - (nearest * dx) / length, y - from.y - (nearest * dy) / length) <= half;
  });
}

/** Shares of copper (0..1) by ninths: what the blur along one side leaves. */
const ninths = Float32Array.from({ length: 10 }, (_, ninth) => ninth / 9);

/**
 * What the blur along the other side makes of them, by the ninths of the five cells as digits, from the top one to the
 * bottom one: an image has few of them, and asks for each again and again. Who draws nothing does not wait for it.
 */
let mixed: Float32Array | undefined;

function mixNinths(): Float32Array {
  return Float32Array.from({ length: 1e5 }, (_, digits) => {
    const share = (place: number): number => ninths[floor(digits / place) % 10] as number;
    return (3 * share(100) + 2 * (share(1000) + share(10)) + (share(10_000) + share(1))) / 9;
  });
}

/**
 * Share of copper (0..1) around every cell: the optics' blur, weights 1 2 3 2 1 along both sides. The outermost cells,
 * never sampled, are blurred along one side or not at all.
 */
export function softened({ cells, width }: Raster): Float32Array {
  mixed ??= mixNinths();
  const [table, across] = [mixed, blurredAcross(cells)];
  const out = new Float32Array(cells.length);
  const [two, last] = [2 * width, cells.length - 2 * width];
  for (let i = 0; i < two; i++) out[i] = ninths[across[i] as number] as number;
  for (let i = two; i < last; i++) {
    const upper = 100 * (across[i - two] as number) + 10 * (across[i - width] as number) + (across[i] as number);
    const digits = 100 * upper + 10 * (across[i + width] as number) + (across[i + two] as number);
    out[i] = table[digits] as number;
  }
  for (let i = last; i < out.length; i++) out[i] = ninths[across[i] as number] as number;
  return out;
}

/** Ninths of copper around every cell of its row. */
function blurredAcross(cells: Uint8Array): Uint8Array {
  const out = new Uint8Array(cells.length);
  for (const i of [0, 1, cells.length - 2, cells.length - 1]) out[i] = 9 * (cells[i] as number);
  const end = cells.length - 2;
  for (let i = 2; i < end; i++) {
    const near = (cells[i - 1] as number) + (cells[i + 1] as number);
    out[i] = 3 * (cells[i] as number) + 2 * near + (cells[i - 2] as number) + (cells[i + 2] as number);
  }
  return out;
}

/**
 * Reads softened cells between their centres (bilinear) at a point of the finished image, which must lie less than the
 * margin outside it.
 */
export function sampleAt(raster: Raster, soft: Float32Array, x: number, y: number): number {
  const u = (x + 0.5 + MARGIN) * SCALE - 0.5;
  const v = (y + 0.5 + MARGIN) * SCALE - 0.5;
  const column = u | 0;
  const row = v | 0;
  const fx = u - column;
  const i = row * raster.width + column;
  const top = (soft[i] as number) * (1 - fx) + (soft[i + 1] as number) * fx;
  const bottom = (soft[i + raster.width] as number) * (1 - fx) + (soft[i + raster.width + 1] as number) * fx;
  return top + (bottom - top) * (v - row);
}
