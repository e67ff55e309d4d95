import { createComparer, type Metric, type Vectors } from "./comparer.ts";

/** For each query its nearest rows, nearest first, equal ones in the order of the rows: `k` places a query. */
export type Nearest = {
  readonly k: number;
  /** Index of the row; places beyond the rows there are hold none and are infinitely far. */
  readonly rows: Float64Array;
  readonly distances: Float64Array;
};

/** Gathers the nearest rows of queries out of blocks of rows, which come in the order of their indices. */
export type NearestSearch = {
  add(rows: Vectors, firstIndex: number): void;
  result(): Nearest;
};

/**
 * Exact search for the `k` nearest rows of each query. Float32 arithmetic sorts out the pairs that cannot matter;
 * distances of the others are computed in float64, in the order of the values: the result is the one that float64
 * alone would give, to the last digit. Memory does not depend on the number of rows.
 */
export function createNearest(given: Vectors, metric: Metric, k: number): NearestSearch {
  const queries = metric === "cosine" ? unitVectors(given) : given;
  const { width } = queries;
  const count = queries.values.length / width;
  const comparer = createComparer(queries, metric);
  const rows = new Float64Array(count * k).fill(-1);
  const distances = new Float64Array(count * k).fill(Infinity);
  const squares = Float64Array.from({ length: count }, (_, q) => squareOf(queries, q));
  const floors = new Float64Array(count);
  const sign = metric === "manhattan" ? -1 : 1;
  const floorOf = (q: number, slack: number): number => {
    const kth = distances[q * k + k - 1] as number;
    if (kth === Infinity) return -Infinity;
    if (metric === "cosine") return 1 - kth - slack;
    return metric === "manhattan" ? -kth - slack : ((squares[q] as number) - kth * kth) / 2 - slack;
  };
  return {
    add(found, firstIndex) {
      const block = metric === "cosine" ? unitVectors(found) : found;
      comparer.compare(block, ({ firstQuery, firstRow, closeness, stride, slack, half, ...strip }) => {
        const slacks = Float64Array.from({ length: strip.queries }, (_, at) => slack(firstQuery + at));
        for (let q = 0; q < strip.queries; q++) floors[q] = floorOf(firstQuery + q, slacks[q] as number);
        for (let r = 0; r < strip.rows; r++) {
          const own = half[firstRow + r] as number;
          for (let q = 0, at = r * stride; q < strip.queries; q++, at++) {
            // Written so that what is no number is looked at.
            if (sign * (closeness[at] as number) - own < (floors[q] as number)) continue;
            const query = firstQuery + q;
            const distance = distanceOf(queries, query, block, firstRow + r, metric);
            if (!(distance < (distances[query * k + k - 1] as number))) continue;
            insert(rows, distances, query * k, k, firstIndex + firstRow + r, distance);
            floors[q] = floorOf(query, slacks[q] as number);
          }
        }
      });
    },
    result: () => ({ k, rows, distances }),
  };
}

/** The nearest rows of several searches of the same queries over different blocks. */
export function mergeNearest(parts: readonly Nearest[]): Nearest {
  const [first, ...others] = parts as [Nearest, ...Nearest[]];
  const { k } = first;
  const rows = Float64Array.from(first.rows);
  const distances = Float64Array.from(first.distances);
  for (const other of others) {
    for (let at = 0; at < rows.length; at++) {
      const start = at - (at % k);
      if ((other.rows[at] as number) < 0) continue;
      insert(rows, distances, start, k, other.rows[at] as number, other.distances[at] as number);
    }
  }
  return { k, rows, distances };
}

/** Puts a row in its place among the `k` of a query; of equal distances the smaller index comes first. */
function insert(rows: Float64Array, distances: Float64Array, start: number, k: number, row: number, distance: number) {
  let place = start + k;
  while (place > start && isAfter(rows[place - 1] as number, distances[place - 1] as number, row, distance)) place--;
  if (place === start + k) return;
  rows.copyWithin(place + 1, place, start + k - 1);
  distances.copyWithin(place + 1, place, start + k - 1);
  rows[place] = row;
  distances[place] = distance;
}

function isAfter(row: number, distance: number, newRow: number, newDistance: number): boolean {
  return distance > newDistance || (distance === newDistance && (row > newRow || row < 0));
}

/** Each vector at length 1; a zero vector stays. */
function unitVectors({ width, values }: Vectors): Vectors {
  const units = Float64Array.from(values);
  for (let start = 0; start < units.length; start += width) {
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += (units[i] as number) * (units[i] as number);
    const norm = Math.sqrt(squares) || 1;
    for (let i = start; i < start + width; i++) units[i] = (units[i] as number) / norm;
  }
  return { width, values: units };
}

function squareOf({ width, values }: Vectors, at: number): number {
  let sum = 0;
  for (let i = at * width; i < (at + 1) * width; i++) sum += (values[i] as number) ** 2;
  return sum;
}

function distanceOf(queries: Vectors, query: number, rows: Vectors, row: number, metric: Metric): number {
  const { width } = queries;
  const [a, b] = [rows.values, queries.values];
  const [from, other] = [row * width, query * width];
  let sum = 0;
  if (metric === "cosine") {
    for (let i = 0; i < width; i++) sum += (a[from + i] as number) * (b[other + i] as number);
    return 1 - sum;
  }
  if (metric === "manhattan") {
    for (let i = 0; i < width; i++) sum += Math.abs((a[from + i] as number) - (b[other + i] as number));
    return sum;
  }
  for (let i = 0; i < width; i++) sum += ((a[from + i] as number) - (b[other + i] as number)) ** 2;
  return Math.sqrt(sum);
}
