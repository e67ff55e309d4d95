import { describe, expect, test } from "@jest/globals";
import { chooseRows, type MiningChoice } from "../../../server/kpi/mining-rule.ts";

/** A direction in the plane, in degrees. */
const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
const images = (turns: Readonly<Record<string, number>>) =>
  Object.entries(turns).map(([filepath, degrees]) => ({ filepath, embedding: at(degrees) }));
const labelled = (names: readonly string[], label: string) => new Map(names.map((name) => [name, label]));

const source = images({ a: 0, b: 2, c: 20, d: 22, e: 40, f: 80, g: 58 });
const targets = images({ k: 1 });
const choice: MiningChoice = {
  free: labelled(["a", "b", "c", "d", "e", "f"], "PASS"),
  weak: new Map([["k", { label: "PASS", score: 0.9 }]]),
  pool_scores: new Map(),
  min_similarity: 0.7,
  iteration: 1,
  iterations_left: 1,
  weak_samples: 6,
};

describe("choosing pool rows", () => {
  test("takes one row for two weak samples, each at least as similar as promised", () => {
    const { nearest, counts } = chooseRows(source, targets, choice);
    expect(counts).toEqual({ free: 6, in_reach: 5, wanted: 3, rounds: 3 });
    expect([...nearest.keys()]).toEqual(["a", "b", "c"]);
    for (const similarity of nearest.values()) expect(similarity).toBeGreaterThanOrEqual(0.7);
  });

  test("leaves a share of what is in reach to each later iteration", () => {
    expect(chooseRows(source, targets, { ...choice, iterations_left: 3 }).counts.wanted).toBe(2);
  });

  test("does not search rows that were mined before", () => {
    const { nearest, counts } = chooseRows(source, targets, { ...choice, free: labelled(["c", "d", "e"], "PASS") });
    expect(counts).toMatchObject({ free: 3, in_reach: 3 });
    expect([...nearest.keys()][0]).toBe("c");
  });

  test("turns to pool rows that the model gets wrong, and more so after the first iteration", () => {
    const pool_scores = new Map([
      ...(["a", "b"] as const).map((name) => [name, 0.1] as const),
      ...(["c", "d"] as const).map((name) => [name, 0.2] as const),
      ["g", 0.99] as const,
    ]);
    const free = labelled(["a", "b", "c", "d", "g"], "PASS");
    const asked = { ...choice, free, min_similarity: 0.5, weak: new Map(), pool_scores, weak_samples: 2 };
    expect([...chooseRows(source, targets, { ...asked, iteration: 1 }).nearest.keys()]).toEqual(["d"]);
    expect([...chooseRows(source, targets, { ...asked, iteration: 2 }).nearest.keys()]).toEqual(["g"]);
  });
});
