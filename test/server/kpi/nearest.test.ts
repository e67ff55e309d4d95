import { describe, expect, it, test } from "@jest/globals";
import type { Metric, Vectors } from "../../../server/kpi/nearest/comparer.ts";
import { createNearest, mergeNearest } from "../../../server/kpi/nearest/nearest.ts";
import { similarityTo } from "../../../server/kpi/nearest/similarity.ts";

/** The same numbers each time, evenly spread between -1 and 1. */
function numbers(count: number, seed: number, scale = 1): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
}

const vectors = (width: number, count: number, seed: number, scale?: number): Vectors => ({
  width,
  values: numbers(width * count, seed, scale),
});
const rowOf = ({ width, values }: Vectors, at: number) => values.subarray(at * width, (at + 1) * width);
const unit = (vector: Float64Array) => {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1;
  return vector.map((value) => value / norm);
};

function distance(row: Float64Array, target: Float64Array, metric: Metric): number {
  const [a, b] = metric === "cosine" ? [unit(row), unit(target)] : [row, target];
  const terms = a.map((value, i) => {
    const other = b[i] as number;
    return metric === "cosine"
      ? value * other
      : metric === "manhattan"
        ? Math.abs(value - other)
        : (value - other) ** 2;
  });
  const sum = terms.reduce((all, term) => all + term, 0);
  return metric === "cosine" ? 1 - sum : metric === "manhattan" ? sum : Math.sqrt(sum);
}

function byBruteForce(targets: Vectors, rows: Vectors, metric: Metric, k: number) {
  const count = rows.values.length / rows.width;
  return Array.from({ length: targets.values.length / targets.width }, (_, t) =>
    Array.from({ length: count }, (_, r) => ({ r, far: distance(rowOf(rows, r), rowOf(targets, t), metric) }))
      .sort((a, b) => a.far - b.far || a.r - b.r)
      .slice(0, k),
  );
}

/** Searches blocks in two searches, as two threads do, and merges what they found. */
function search(targets: Vectors, rows: Vectors, metric: Metric, k: number, block: number) {
  const searches = [0, 1].map(() => createNearest(targets, metric, k));
  const count = rows.values.length / rows.width;
  for (let from = 0; from < count; from += block) {
    const values = rows.values.slice(from * rows.width, (from + block) * rows.width);
    searches[(from / block) % 2]?.add({ width: rows.width, values }, from);
  }
  const { rows: found, distances } = mergeNearest(searches.toReversed().map((one) => one.result()));
  return Array.from({ length: targets.values.length / targets.width }, (_, t) =>
    Array.from({ length: k }, (_, i) => ({ r: found[t * k + i], far: distances[t * k + i] })),
  );
}

const metrics = ["cosine", "euclidean", "manhattan"] as const;

describe("the nearest rows of targets", () => {
  test.each(
    metrics.flatMap((metric) => [
      [metric, "a few short vectors", 5, 7, 33, 1] as const,
      [metric, "vectors that fill no step of the kernel", 37, 45, 150, 1] as const,
      [metric, "values that a float32 product cannot hold", 20, 9, 90, 1e25] as const,
      [metric, "values whose products vanish in float32", 20, 9, 90, 1e-26] as const,
    ]),
  )("by %s distance are those of float64, to the last digit: %s", (metric, _, width, targets, rows, scale) => {
    const [weak, pool] = [vectors(width, targets, 3, scale), vectors(width, rows, 4, scale)];
    // Every seventh row is a copy of the first: ties, in several blocks.
    for (let at = 7; at < rows; at += 7) pool.values.set(rowOf(pool, 0), at * width);
    expect(search(weak, pool, metric, 9, 20)).toEqual(byBruteForce(weak, pool, metric, 9));
  });

  test("differ by less than float32 can tell", () => {
    const width = 16;
    const target: Vectors = { width, values: new Float64Array(width).fill(1) };
    const values = new Float64Array(width * 300).fill(1);
    for (let at = 0; at < 300; at++) values[at * width] = 1 + (300 - at) * 1e-9;
    const [found] = search(target, { width, values }, "euclidean", 3, 50);
    expect(found?.map(({ r }) => r)).toEqual([299, 298, 297]);
  });

  it("are zero vectors too, which are like nothing", () => {
    const pool: Vectors = { width: 2, values: Float64Array.from([0, 0, 1, 0, -1, 0]) };
    const target: Vectors = { width: 2, values: Float64Array.from([1, 0]) };
    expect(search(target, pool, "cosine", 3, 1)).toEqual([[1, 0, 2].map((r) => ({ r, far: [1, 0, 2][r] }))]);
  });
});

describe("the similarity of rows to their nearest target", () => {
  test("is the largest cosine, to the last digit", () => {
    const [weak, pool] = [vectors(40, 70, 5), vectors(40, 130, 6)];
    const cosine = (a: Float64Array, b: Float64Array) => {
      const norms = [a, b].map((one) => Math.hypot(...one));
      return a.reduce(
        (sum, value, i) => sum + (value / (norms[0] as number)) * ((b[i] as number) / (norms[1] as number)),
        0,
      );
    };
    const cosines = Array.from({ length: 130 }, (_, r) =>
      Array.from({ length: 70 }, (_, t) => cosine(rowOf(pool, r), rowOf(weak, t))),
    );
    const largest = cosines.map((ofRow) => Math.max(...ofRow));
    const found = similarityTo(weak)(pool);
    expect([...found.cosine]).toEqual(largest);
    expect([...found.target]).toEqual(cosines.map((ofRow, r) => ofRow.indexOf(largest[r] as number)));
  });

  test("names the first of targets that are equally near", () => {
    const twins: Vectors = { width: 2, values: Float64Array.from([-1, 0, 0, 1, 0, 2, 0, 1]) };
    const { cosine, target } = similarityTo(twins)({ width: 2, values: Float64Array.from([0, 3]) });
    expect([[...cosine], [...target]]).toEqual([[1], [1]]);
  });

  test("is 0 for a zero vector, and -1 where there is no target", () => {
    const rows: Vectors = { width: 2, values: Float64Array.from([0, 0]) };
    expect([...similarityTo({ width: 2, values: Float64Array.from([1, 2, 3, 4]) })(rows).cosine]).toEqual([0]);
    const none = similarityTo({ width: 0, values: new Float64Array() })({ width: 1, values: new Float64Array(1) });
    expect([[...none.cosine], [...none.target]]).toEqual([[-1], [-1]]);
  });
});
