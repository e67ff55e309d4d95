/** Room for the places before it is known how many there are. */
let placeRoom = new Int32Array(0);

/**
 * Places of the values above a floor, of a map without negative ones: difference maps are mostly empty, so that work on
 * the rest is saved.
 */
export function activePixels(map: Float32Array, floor: number): Int32Array {
  if (placeRoom.length < map.length) placeRoom = new Int32Array(map.length);
  const count = placesAbove(bitsOf(map), lastUpTo(floor), placeRoom);
  return placeRoom.slice(0, count);
}

/** Float32 values that are not negative have the order of their bits. */
const bitsOf = ({ buffer, byteOffset, length }: Float32Array) => new Int32Array(buffer, byteOffset, length);

/** The bits of the last float32 that is not above a value. */
function lastUpTo(value: number): number {
  const near = Float32Array.of(value);
  return (bitsOf(near)[0] as number) - Number((near[0] as number) > value);
}

/**
 * A function of its own for the loop: one that goes on after it may be compiled in its first loop, before anything is
 * known of the rest, and then falls back to being interpreted at every end of the loop, for thousands of calls.
 */
function placesAbove(map: Int32Array, floor: number, places: Int32Array): number {
  let count = 0;
  for (let p = 0; p < map.length; p++) {
    // Without a branch, which would go either way at random: the sign of the difference tells.
    places[count] = p;
    count += (floor - (map[p] as number)) >>> 31;
  }
  return count;
}

const BINS = 128;
const BINS_PER_UNIT = 80;

/** Means of the k highest active values for each k, missing values counting 0; from bins of 1/80, the last one open. */
export function topMeans(map: Float32Array, active: Int32Array, ks: readonly number[]): number[] {
  const counts = new Int32Array(BINS);
  for (let i = 0; i < active.length; i++) {
    const p = active[i] as number;
    const bin = ((map[p] as number) * BINS_PER_UNIT) | 0;
    const at = bin >= BINS ? BINS - 1 : bin;
    counts[at] = (counts[at] as number) + 1;
  }
  return ks.map((k) => {
    let left = k;
    let sum = 0;
    for (let bin = BINS - 1; bin > 0 && left > 0; bin--) {
      const count = counts[bin] as number;
      const take = count < left ? count : left;
      sum += (take * (bin + 0.5)) / BINS_PER_UNIT;
      left -= take;
    }
    return sum / k;
  });
}

/** A connected group (8 neighbours) of active pixels and the sum of the map over it. */
export type Blob = { pixels: Int32Array; sum: number };

/** The connected groups of active pixels above a threshold, the one with the largest sum first. */
export function findActiveBlobs(map: Float32Array, active: Int32Array, side: number, threshold: number): Blob[] {
  const seen = new Uint8Array(map.length);
  const members = new Int32Array(active.length);
  const blobs: Blob[] = [];
  for (let i = 0; i < active.length; i++) {
    const start = active[i] as number;
    if (seen[start] === 1 || (map[start] as number) <= threshold) continue;
    let size = 0;
    let sum = 0;
    members[size++] = start;
    seen[start] = 1;
    for (let next = 0; next < size; next++) {
      const p = members[next] as number;
      sum += map[p] as number;
      const x = p % side;
      for (let q = p - side; q <= p + side; q += side) {
        if (q < 0 || q >= map.length) continue;
        for (let dx = -1; dx <= 1; dx++) {
          if (x + dx < 0 || x + dx >= side) continue;
          if (seen[q + dx] === 1 || (map[q + dx] as number) <= threshold) continue;
          seen[q + dx] = 1;
          members[size++] = q + dx;
        }
      }
    }
    blobs.push({ pixels: members.slice(0, size), sum });
  }
  return blobs.sort((a, b) => b.sum - a.sum);
}
