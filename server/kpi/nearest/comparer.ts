import { kernelCode, kernelNames, unit } from "./kernel-code.ts";

export type Metric = "cosine" | "euclidean" | "manhattan";

/** Vectors of one length, one after the other. */
export type Vectors = { readonly width: number; readonly values: Float64Array };

/** Queries that are compared at one time with a block of rows: their float32 values stay in the cache. */
const tile = 32;
/** Rows of one call of the kernel. */
const strip = 64;
/** Beyond this a float32 may overflow in a product: everything is then worth a look. */
const large = 1e15;

type Kernel = (queries: number, queriesEnd: number, rows: number, rowsEnd: number, width: number, out: number) => void;

/** What is used of WebAssembly; the types of Node do not know it. */
type Wasm = {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, Kernel>> };
};
const wasm = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly;
let compiled: object | undefined;

/**
 * Compares a fixed set of queries with any number of rows by float32 arithmetic, eight pairs at a time, only to find out
 * which pairs deserve exact arithmetic: what it says of a pair lies at most `slack` from the truth, a proven bound.
 */
export type Comparer = {
  /**
   * Looks at every pair of a query and a row of a block. `look` is called for each strip with closenesses, row by row,
   * a value for each query of the tile: the inner product for cosine, `(|q|^2 - d^2) / 2` for euclidean (without the
   * query's own part, which is `own[query]`), and minus the distance for manhattan.
   */
  compare(rows: Vectors, look: (found: Strip) => void): void;
};

export type Strip = {
  readonly firstQuery: number;
  readonly queries: number;
  readonly firstRow: number;
  readonly rows: number;
  /** `queries` rounded up to what `stride` says, row by row. */
  readonly closeness: Float32Array;
  readonly stride: number;
  /** How far the closeness of a query to any row of the block may be from what float64 gives. */
  readonly slack: (query: number) => number;
  /** To be subtracted from the closeness of a row, exactly. */
  readonly half: Float64Array;
};

/** Inner products of unit vectors, or of vectors as they are. */
export function createComparer(queries: Vectors, metric: Metric): Comparer {
  const { width } = queries;
  const padded = Math.ceil(width / unit) * unit;
  const count = queries.values.length / width;
  const tiled = Math.ceil(count / tile) * tile;
  const bytes = 4 * (padded * (tiled + strip) + tile * strip);
  const memory = new wasm.Memory({ initial: Math.ceil(bytes / 65_536) });
  compiled ??= new wasm.Module(kernelCode());
  const { exports } = new wasm.Instance(compiled, { memory: { own: memory } });
  const kernel = exports[kernelNames[metric === "manhattan" ? 1 : 0]] as Kernel;
  const floats = new Float32Array(memory.buffer);
  const sizes = measure(queries, metric);
  fill(floats, 0, queries, 0, count, padded);
  const rowsAt = padded * tiled;
  const closeness = floats.subarray(rowsAt + padded * strip);
  return {
    compare(rows, look) {
      const rowSizes = measure(rows, metric);
      const largest = rowSizes.norms.reduce((most, norm) => Math.max(most, norm), 0);
      const slack = slackOf(width, metric, sizes, { norm: largest, large: rowSizes.large });
      const total = rows.values.length / width;
      for (let firstRow = 0; firstRow < total; firstRow += strip) {
        const some = Math.min(strip, total - firstRow);
        fill(floats, rowsAt, rows, firstRow, some, padded);
        const end = 4 * (rowsAt + padded * (some + (some % 2)));
        for (let firstQuery = 0; firstQuery < count; firstQuery += tile) {
          const from = 4 * padded * firstQuery;
          kernel(from, from + 4 * padded * tile, 4 * rowsAt, end, 4 * padded, closeness.byteOffset);
          const queriesHere = Math.min(tile, count - firstQuery);
          const place = { firstQuery, queries: queriesHere, firstRow, rows: some, stride: tile };
          look({ ...place, closeness, slack, half: rowSizes.halves });
        }
      }
    },
  };
}

type Sizes = { readonly norms: Float64Array; readonly halves: Float64Array; readonly large: boolean };

/** Length of each vector, for manhattan the sum of absolute values; half its square where that is part of closeness. */
function measure({ width, values }: Vectors, metric: Metric): Sizes {
  const count = values.length / width;
  const norms = new Float64Array(count);
  const halves = new Float64Array(count);
  let most = 0;
  for (let at = 0; at < count; at++) {
    let sum = 0;
    for (let i = at * width; i < (at + 1) * width; i++) {
      const value = Math.abs(values[i] as number);
      if (value > most) most = value;
      sum += metric === "manhattan" ? value : value * value;
    }
    norms[at] = metric === "manhattan" ? sum : Math.sqrt(sum);
    if (metric === "euclidean") halves[at] = sum / 2;
  }
  return { norms, halves, large: !(most <= large) };
}

/**
 * How far float32 may be off: every value is rounded, every product, and every one of the sums of a lane and of the four
 * lanes; float64 itself adds a little that the last terms cover.
 */
function slackOf(width: number, metric: Metric, queries: Sizes, rows: { norm: number; large: boolean }) {
  const single = (width / 4 + unit) * 2 ** -23;
  const double = (width + 8) * 2 ** -51;
  if (queries.large || rows.large) return () => Infinity;
  return (query: number): number => {
    const norm = queries.norms[query] as number;
    if (metric === "manhattan") return (single + double) * (norm + rows.norm) + 1e-25;
    return single * norm * rows.norm + double * (norm * norm + rows.norm * rows.norm) + 1e-25;
  };
}

/** Copies vectors into the kernel's memory as float32, each at a place of its own width. */
function fill(
  floats: Float32Array,
  to: number,
  { width, values }: Vectors,
  from: number,
  count: number,
  padded: number,
) {
  for (let at = 0; at < count; at++) {
    const start = (from + at) * width;
    floats.set(values.subarray(start, start + width), to + at * padded);
  }
}
