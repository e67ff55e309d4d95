/** Sides of the tiles whose sums tell where the highest sum over a square can be, and what lies before the first pixel. */
const [TILE, SMALL_TILE, BEFORE] = [4, 2, 4];

/** The tile and the small tile of each pixel of a square map, and room for their sums. */
type Tiling = {
  readonly across: number;
  readonly tileOf: Int32Array;
  readonly smallOf: Int32Array;
  readonly tiles: Float64Array;
  readonly small: Float64Array;
};
let lastTiling: Tiling | undefined;

function tilingOf(side: number): Tiling {
  if (lastTiling?.tileOf.length === side * side) return lastTiling;
  const across = Math.ceil((side + BEFORE) / TILE) + 1;
  const tileOf = new Int32Array(side * side);
  const smallOf = new Int32Array(side * side);
  for (let p = 0; p < tileOf.length; p++) {
    const [x, y] = [(p % side) + BEFORE, ((p / side) | 0) + BEFORE];
    tileOf[p] = ((y / TILE) | 0) * across + ((x / TILE) | 0);
    smallOf[p] = ((y / SMALL_TILE) | 0) * 2 * across + ((x / SMALL_TILE) | 0);
  }
  // A square that begins in the last small tile looks at the next two.
  const small = new Float64Array(4 * across * across + 2);
  // A square that begins in the last tile looks at the next one too.
  lastTiling = { across, tileOf, smallOf, tiles: new Float64Array(across * across + 1), small };
  return lastTiling;
}

/**
 * The highest sums over squares of 3 and of 5 pixels a side, of a map without negative values that is 0 outside its
 * active pixels.
 *
 * A square lies within two by two tiles, and within two or three small ones each way: few of them can hold the highest
 * sum, and only these are summed pixel by pixel.
 */
export function peakBoxSums(map: Float32Array, active: Int32Array, side: number): { three: number; five: number } {
  const { across, tileOf, smallOf, tiles, small } = tilingOf(side);
  tiles.fill(0);
  small.fill(0);
  for (let i = 0; i < active.length; i++) {
    const p = active[i] as number;
    const value = map[p] as number;
    const tile = tileOf[p] as number;
    tiles[tile] = (tiles[tile] as number) + value;
    const smallTile = smallOf[p] as number;
    small[smallTile] = (small[smallTile] as number) + value;
  }
  let highest = 0;
  for (let at = 0; at < across * (across - 1); at++) {
    const upper = (tiles[at] as number) + (tiles[at + 1] as number);
    const sum = upper + (tiles[at + across] as number) + (tiles[at + across + 1] as number);
    tiles[at] = sum;
    if (sum > (tiles[highest] as number)) highest = at;
  }
  const places = { map, side, tiles, small, across, highest };
  return { three: peakOver(places, 3), five: peakOver(places, 5) };
}

/** `tiles` holds the sum over two by two of them, from each on; `small` that over each. */
type Places = {
  readonly map: Float32Array;
  readonly side: number;
  readonly tiles: Float64Array;
  readonly small: Float64Array;
  readonly across: number;
  readonly highest: number;
};

/** Sums are float32, bounds float64: sums of so few values differ by far less. */
const SLACK = 1 + 1e-5;

function peakOver(places: Places, width: number): number {
  const { tiles, across, highest } = places;
  let peak = peakOfTile(places, width, highest, 0);
  for (let at = 0; at < across * (across - 1); at++) {
    if ((tiles[at] as number) * SLACK > peak && at !== highest) peak = peakOfTile(places, width, at, peak);
  }
  return peak;
}

/** The highest sum over a square that begins in this tile, or `least` where none is above it. */
function peakOfTile({ map, side, small, across }: Places, width: number, tile: number, least: number): number {
  const wide = 2 * across;
  const row = (tile / across) | 0;
  const reach = width === 3 ? 2 : 3;
  let peak = least;
  for (let down = 0; down < 2; down++) {
    for (let right = 0; right < 2; right++) {
      const [x, y] = [2 * (tile - row * across) + right, 2 * row + down];
      let bound = 0;
      for (let at = y * wide + x; at < (y + reach) * wide; at += wide) {
        for (let k = 0; k < reach; k++) bound += small[at + k] as number;
      }
      if (bound * SLACK > peak) peak = peakOfFour(map, side, width, x * 2 - BEFORE, y * 2 - BEFORE, peak);
    }
  }
  return peak;
}

/** The highest sum over the four squares that begin in a small tile, or `least`. */
function peakOfFour(map: Float32Array, side: number, width: number, x0: number, y0: number, least: number): number {
  let peak = least;
  for (let y = y0; y < y0 + SMALL_TILE; y++) {
    const [top, bottom] = [y < 0 ? 0 : y, y + width < side ? y + width : side];
    for (let x = x0; x < x0 + SMALL_TILE; x++) {
      const [left, right] = [x < 0 ? 0 : x, x + width < side ? x + width : side];
      let sum = 0;
      for (let row = top * side; row < bottom * side; row += side) {
        for (let at = row + left; at < row + right; at++) {
          const value = map[at] as number;
          if (value === 0) continue;
          const more = sum + value;
          if (more > peak) peak = more;
          sum = Math.fround(more);
        }
      }
    }
  }
  return peak;
}
