import { createComparer, type Vectors } from "./comparer.ts";

/** A pair of a row and a target that may be among the closest of the row. */
type Pair = { readonly row: number; readonly target: number; readonly closeness: number };

/** Of each row the cosine to the target that it is most like, and the number of that target: -1 where there is none. */
export type Alike = { readonly cosine: Float64Array; readonly target: Int32Array };

/**
 * Largest cosine of rows to any of the targets, -1 at least: what float64 gives, to the last digit, where float32
 * arithmetic has sorted out the targets that cannot be the nearest. Of equally near targets the first one counts. A zero
 * vector is like nothing (0).
 */
export function similarityTo(targets: Vectors): (rows: Vectors) => Alike {
  if (targets.values.length === 0) return (rows) => nothingAlike(rows.values.length);
  const exact = unitsOf(targets);
  const comparer = createComparer(exact, "cosine");
  const { width } = targets;
  return (rows) => {
    const units = unitsOf(rows);
    const most = new Float64Array(rows.values.length / width).fill(-Infinity);
    const found = nothingAlike(most.length);
    const pairs: Pair[] = [];
    let off = 0;
    comparer.compare(units, ({ firstQuery, firstRow, closeness, stride, slack, ...strip }) => {
      for (let q = 0; q < strip.queries; q++) off = Math.max(off, slack(firstQuery + q));
      for (let r = 0; r < strip.rows; r++) {
        const row = firstRow + r;
        for (let q = 0, at = r * stride; q < strip.queries; q++, at++) {
          const near = closeness[at] as number;
          if (near < (most[row] as number) - 2 * off) continue;
          if (near > (most[row] as number)) most[row] = near;
          pairs.push({ row, target: firstQuery + q, closeness: near });
        }
      }
    });
    for (const { row, target, closeness } of pairs) {
      if (closeness < (most[row] as number) - 2 * off) continue;
      const cosine = product(units, row, exact, target);
      if (cosine <= (found.cosine[row] as number)) continue;
      found.cosine[row] = cosine;
      found.target[row] = target;
    }
    return found;
  };
}

function nothingAlike(rows: number): Alike {
  return { cosine: new Float64Array(rows).fill(-1), target: new Int32Array(rows).fill(-1) };
}

/** Each vector at length 1; a zero vector stays. */
function unitsOf({ width, values }: Vectors): Vectors {
  const units = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += width) {
    const norm = Math.hypot.apply(undefined, values.subarray(start, start + width) as unknown as number[]);
    if (norm === 0) continue;
    for (let i = start; i < start + width; i++) units[i] = (values[i] as number) / norm;
  }
  return { width, values: units };
}

/** The vector at length 1; a zero vector stays. */
function unitVector(vector: ArrayLike<number>): Float64Array {
  return unitsOf({ width: vector.length, values: Float64Array.from(vector) }).values;
}

/** The vector at length 1 in float32, as the choice of rows compares it. */
export function unit32(vector: ArrayLike<number>): Float32Array {
  return Float32Array.from(unitVector(vector));
}

function product(a: Vectors, row: number, b: Vectors, other: number): number {
  let sum = 0;
  for (let i = 0; i < a.width; i++) {
    sum += (a.values[row * a.width + i] as number) * (b.values[other * a.width + i] as number);
  }
  return sum;
}
