/** Room for what the first of two passes leaves: these filters run for every pair, and fresh memory costs more than sums. */
let room = new Float32Array(0);

/**
 * Returns the mean over a (2r+1) square, in `out` where it is given, which may be the map itself; at the border only the
 * pixels inside count.
 */
export function boxMean(
  map: Float32Array,
  width: number,
  height: number,
  r: number,
  out: Float32Array = new Float32Array(map.length),
): Float32Array {
  if (room.length < map.length) room = new Float32Array(map.length);
  if (r === 1 && width > 1 && height > 1) meanOfNine(map, room, out, width, height);
  else {
    meanAlongRows(map, room, width, height, r);
    meanDownColumns(room, out, width, height, r);
  }
  return out;
}

/** Products are several times faster than quotients. */
const THIRD = 1 / 3;

/** What the general way gives for r = 1, without a sum that each pixel must wait for. */
function meanOfNine(map: Float32Array, rows: Float32Array, out: Float32Array, width: number, height: number): void {
  meanOfThree(map, rows, width, height);
  const end = width * (height - 1);
  for (let at = 0; at < width; at++) out[at] = ((rows[at] as number) + (rows[at + width] as number)) / 2;
  meanOfRows(rows, out, width, end);
  for (let at = end; at < end + width; at++) out[at] = ((rows[at - width] as number) + (rows[at] as number)) / 2;
}

function meanOfRows(rows: Float32Array, out: Float32Array, width: number, end: number): void {
  for (let at = width; at < end; at++) {
    out[at] = ((rows[at - width] as number) + (rows[at] as number) + (rows[at + width] as number)) * THIRD;
  }
}

function meanOfThree(map: Float32Array, rows: Float32Array, width: number, height: number): void {
  for (let y = 0; y < height; y++) {
    const [first, last] = [y * width, (y + 1) * width - 1];
    let before = map[first] as number;
    let level = map[first + 1] as number;
    rows[first] = (before + level) / 2;
    for (let at = first + 1; at < last; at++) {
      const next = map[at + 1] as number;
      rows[at] = (before + level + next) * THIRD;
      before = level;
      level = next;
    }
    rows[last] = (before + level) / 2;
  }
}

/** Sums slide, in double precision: what enters is added, then what leaves is taken off. */
function meanAlongRows(map: Float32Array, out: Float32Array, width: number, height: number, r: number): void {
  const whole = 2 * r + 1;
  for (let y = 0; y < height; y++) {
    const base = y * width;
    let sum = 0;
    let count = 0;
    for (let x = -r; x < width; x++) {
      if (x > r && x + r < width) {
        sum = sum + (map[base + x + r] as number) - (map[base + x - r - 1] as number);
        out[base + x] = sum / whole;
        continue;
      }
      if (x + r < width) {
        sum += map[base + x + r] as number;
        count++;
      }
      if (x - r - 1 >= 0) {
        sum -= map[base + x - r - 1] as number;
        count--;
      }
      if (x >= 0) out[base + x] = sum / count;
    }
  }
}

function meanDownColumns(map: Float32Array, out: Float32Array, width: number, height: number, r: number): void {
  const sums = new Float64Array(width);
  let count = 0;
  for (let y = -r; y < height; y++) {
    const entering = y + r < height ? (y + r) * width : -1;
    const leaving = y - r - 1 >= 0 ? (y - r - 1) * width : -1;
    count += (entering >= 0 ? 1 : 0) - (leaving >= 0 ? 1 : 0);
    for (let x = 0; x < width; x++) {
      let sum = sums[x] as number;
      if (entering >= 0) sum += map[entering + x] as number;
      if (leaving >= 0) sum -= map[leaving + x] as number;
      sums[x] = sum;
      if (y >= 0) out[y * width + x] = sum / count;
    }
  }
}

/** Puts the highest level of its 3x3 square in each place (gray dilation); repeat for a larger square. */
export function dilate(map: Float32Array, width: number, height: number): void {
  extreme(map, width, height, 1);
}

/** Puts the lowest level of its 3x3 square in each place (gray erosion); repeat for a larger square. */
export function erode(map: Float32Array, width: number, height: number): void {
  extreme(map, width, height, -1);
}

/**
 * The higher of two levels is half their sum and half their distance: noise decides which one it is, and a branch would
 * be guessed wrong half the time. With `sign` -1 it is the lower one. As float32 it is exact, but for levels that are
 * hundreds of millions of times smaller than those beside them.
 */
function extreme(map: Float32Array, width: number, height: number, sign: 1 | -1): void {
  if (room.length < map.length) room = new Float32Array(map.length);
  extremeAlongRows(map, room, width, height, sign / 2);
  extremeDownColumns(room, map, width, sign / 2);
}

function extremeAlongRows(map: Float32Array, rows: Float32Array, width: number, height: number, half: number): void {
  for (let y = 0; y < height; y++) {
    const first = y * width;
    const last = first + width - 1;
    let before = map[first] as number;
    let level = before;
    for (let at = first; at <= last; at++) {
      const next = map[at < last ? at + 1 : at] as number;
      const two = (before + level) / 2 + half * Math.abs(before - level);
      rows[at] = (two + next) / 2 + half * Math.abs(two - next);
      before = level;
      level = next;
    }
  }
}

function extremeDownColumns(rows: Float32Array, out: Float32Array, width: number, half: number): void {
  const end = out.length - width;
  for (let at = 0; at < out.length; at++) {
    const level = rows[at] as number;
    const above = rows[at < width ? at : at - width] as number;
    const below = rows[at < end ? at + width : at] as number;
    const two = (above + level) / 2 + half * Math.abs(above - level);
    out[at] = (two + below) / 2 + half * Math.abs(two - below);
  }
}

/** Sizes and members of the connected groups (8 neighbours) of pixels above a threshold, largest first. */
export function findBlobs(map: Float32Array, width: number, height: number, threshold: number): Int32Array[] {
  const seen = new Uint8Array(map.length);
  const stack = new Int32Array(map.length);
  const blobs: Int32Array[] = [];
  const members = new Int32Array(map.length);
  for (let start = 0; start < map.length; start++) {
    if (seen[start] === 1 || (map[start] as number) <= threshold) continue;
    let depth = 0;
    let count = 0;
    stack[depth++] = start;
    seen[start] = 1;
    while (depth > 0) {
      const at = stack[--depth] as number;
      members[count++] = at;
      const x = at % width;
      const y = (at - x) / width;
      for (let ny = y - 1; ny <= y + 1; ny++) {
        if (ny < 0 || ny >= height) continue;
        for (let nx = x - 1; nx <= x + 1; nx++) {
          if (nx < 0 || nx >= width) continue;
          const next = ny * width + nx;
          if (seen[next] === 1 || (map[next] as number) <= threshold) continue;
          seen[next] = 1;
          stack[depth++] = next;
        }
      }
    }
    blobs.push(members.slice(0, count));
  }
  return blobs.sort((a, b) => b.length - a.length || (a[0] as number) - (b[0] as number));
}
