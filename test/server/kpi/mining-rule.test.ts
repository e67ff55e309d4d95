import { describe, expect, test } from "@jest/globals";
import { chooseRows, type Embedded, type MiningChoice } from "../../../server/kpi/mining-rule.ts";

/** A direction in the plane, in degrees. */
const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
const images = (turns: Readonly<Record<string, number>>) =>
  Object.entries(turns).map(([filepath, degrees]) => ({ filepath, unit: Float32Array.from(at(degrees)) }));
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

/** The rows in reach of the one target, out of those that are free. */
function inReach(asked: MiningChoice) {
  const open = source.filter(({ filepath }) => asked.free.get(filepath) !== undefined);
  const cosine = ({ unit }: Embedded) => unit.reduce((sum, value, i) => sum + value * (targets[0]?.unit[i] ?? 0), 0);
  const near = open.map((row) => ({ ...row, similarity: cosine(row), like: "k" }));
  return { free: open.length, near: near.filter(({ similarity }) => similarity >= asked.min_similarity) };
}

describe("choosing pool rows", () => {
  test("takes one row for two weak samples, each at least as similar as promised", () => {
    const { nearest, like, counts } = chooseRows(inReach(choice), targets, choice);
    expect(counts).toEqual({ free: 6, in_reach: 5, wanted: 3, rounds: 3 });
    expect([...like]).toEqual(["a", "b", "c"].map((path) => [path, "k"]));
    expect([...nearest.keys()]).toEqual(["a", "b", "c"]);
    for (const similarity of nearest.values()) expect(similarity).toBeGreaterThanOrEqual(0.7);
  });

  test("leaves a share of what is in reach to each later iteration", () => {
    expect(chooseRows(inReach(choice), targets, { ...choice, iterations_left: 3 }).counts.wanted).toBe(2);
  });

  test("takes as many as the plan names, as far as the share goes", () => {
    expect(chooseRows(inReach(choice), targets, { ...choice, rows: 4 }).counts).toMatchObject({ wanted: 4, rounds: 4 });
    expect(chooseRows(inReach(choice), targets, { ...choice, rows: 4, iterations_left: 3 }).counts.wanted).toBe(2);
  });

  test("keeps the share of PASS rows that the plan names, and makes up for neither side with the other", () => {
    const free = new Map([...labelled(["a", "b", "c"], "PASS"), ...labelled(["d", "e"], "bridge")]);
    const weak = new Map([["k", { label: "PASS", score: 0.9 }]]);
    const pool_scores = new Map(["d", "e"].map((name) => [name, 0.4] as const));
    const asked = { ...choice, free, weak, pool_scores, rows: 4 };
    const labels = (pass_pct: number) =>
      [...chooseRows(inReach(asked), targets, { ...asked, pass_pct }).nearest.keys()].map((path) => free.get(path));
    expect(labels(50)).toEqual(["PASS", "PASS", "bridge", "bridge"]);
    expect(labels(75)).toEqual(["PASS", "PASS", "PASS", "bridge"]);
    expect(labels(0)).toEqual(["bridge", "bridge"]);
    expect(labels(100)).toEqual(["PASS", "PASS", "PASS"]);
  });

  test("does not search rows that were mined before", () => {
    const asked = { ...choice, free: labelled(["c", "d", "e"], "PASS") };
    const { nearest, counts } = chooseRows(inReach(asked), targets, asked);
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
    expect([...chooseRows(inReach(asked), targets, { ...asked, iteration: 1 }).nearest.keys()]).toEqual(["d"]);
    expect([...chooseRows(inReach(asked), targets, { ...asked, iteration: 2 }).nearest.keys()]).toEqual(["g"]);
  });
});
