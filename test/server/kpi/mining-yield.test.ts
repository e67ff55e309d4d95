import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { randomStream } from "../../../engine/random.ts";
import { chooseRows, type Embedded, type MiningChoice, type NearRow } from "../../../server/kpi/mining-rule.ts";
import { unit32 } from "../../../server/kpi/nearest/similarity.ts";
import { share } from "../../support/soak.ts";

const labels = ["PASS", "PASS", "bridge", "open"] as const;
type Part = Embedded & { readonly label: string };

/** A line as its seed makes it: parts in crowds, as boards have them, of which some are weak and the others a pool. */
function simulated({ seed, pool, weak }: { seed: number; pool: number; weak: number }) {
  const random = randomStream(seed);
  const places = Array.from({ length: 6 }, () => Array.from({ length: 4 }, () => random() - 0.5));
  const part = (filepath: string): Part => {
    const place = places[Math.floor(random() * places.length)] as number[];
    const label = labels[Math.floor(random() * labels.length)] as string;
    return { filepath, label, unit: unit32(place.map((value) => value + (random() - 0.5) / 4)) };
  };
  const parts = (name: string, count: number) => Array.from({ length: count }, (_, at) => part(`${name}${at}`));
  return { pool: parts("p", pool), weak: parts("k", weak), random };
}

const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

/** The free rows in reach of some weak part. */
function reached(free: readonly Part[], weak: readonly Part[], floor: number): NearRow[] {
  return free.flatMap((row) => {
    const [most] = weak.map((part) => ({ part, far: cosine(row.unit, part.unit) })).sort((a, b) => b.far - a.far);
    return most === undefined || most.far < floor ? [] : [{ ...row, similarity: most.far, like: most.part.filepath }];
  });
}

type Plan = Pick<MiningChoice, "rows" | "pass_pct"> & { readonly iterations: number; readonly scored: boolean };

/** What each iteration mines, and what the same rule would still find afterwards if it might take all. */
function yields(line: ReturnType<typeof simulated>, { iterations, scored, ...asked }: Plan) {
  const taken = new Set<string>();
  const mined: { count: number; left: number }[] = [];
  for (let iteration = 1; iteration <= iterations; iteration++) {
    // A model that was trained anew scores everything anew; what is weak stays so, as it does on boards.
    const scores = new Map([...line.pool, ...line.weak].map(({ filepath }) => [filepath, line.random()]));
    const choose = (more: Pick<MiningChoice, "iterations_left" | "rows">) => {
      const free = line.pool.filter(({ filepath }) => !taken.has(filepath));
      const choice: MiningChoice = {
        free: new Map(free.map(({ filepath, label }) => [filepath, label])),
        weak: new Map(line.weak.map(({ filepath, label }) => [filepath, { label, score: scores.get(filepath) ?? 0 }])),
        pool_scores: scored ? scores : new Map(),
        ...{ min_similarity: 0.8, iteration, weak_samples: line.weak.length, ...asked, ...more },
      };
      return chooseRows({ free: free.length, near: reached(free, line.weak, 0.8) }, line.weak, choice).nearest;
    };
    const chosen = choose({ iterations_left: iterations - iteration + 1, ...(asked.rows ? { rows: asked.rows } : {}) });
    for (const path of chosen.keys()) {
      expect(taken).not.toContain(path);
      taken.add(path);
    }
    mined.push({ count: chosen.size, left: choose({ iterations_left: 1, rows: line.pool.length }).size });
  }
  return mined;
}

const lines = fc.record({
  seed: fc.nat(1_000_000),
  pool: fc.integer({ min: 20, max: 160 }),
  weak: fc.integer({ min: 1, max: 60 }),
});
const plansWith = (...shares: number[]) =>
  fc.record(
    {
      iterations: fc.integer({ min: 2, max: 6 }),
      scored: fc.boolean(),
      rows: fc.integer({ min: 1, max: 80 }),
      pass_pct: fc.constantFrom(...shares),
    },
    { requiredKeys: ["iterations", "scored"] },
  );

describe("the yield of mining", () => {
  test("stays above half of iteration 1's, but for rounding on either side", () => {
    const property = fc.property(lines, plansWith(0, 25, 50, 100), (line, plan) => {
      const [first, ...later] = yields(simulated(line), plan as Plan);
      for (const { count } of later) expect(count).toBeGreaterThanOrEqual((first?.count ?? 0) / 2 - 2);
    });
    fc.assert(property, { numRuns: share(150) });
  });

  test("is never less than a tenth of iteration 1's while the pool still holds a useful row", () => {
    const property = fc.property(lines, plansWith(0, 100), (line, plan) => {
      const [first, ...later] = yields(simulated(line), plan as Plan);
      for (const { count, left } of later) if (count < 0.1 * (first?.count ?? 0)) expect(left).toBe(0);
    });
    fc.assert(property, { numRuns: share(150) });
  });
});
