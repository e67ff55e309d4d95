import { describe, expect, test } from "@jest/globals";
import { coverTargets, weaknessWeights } from "../../../server/kpi/coverage.ts";

/** A direction in the plane, in degrees: the cosine of two is that of the angle between them. */
const at = (degrees: number) =>
  Float32Array.from([Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]);
const target = (degrees: number, weight = 1, label = "bridge") => ({ label, unit: at(degrees), weight });
const row = (filepath: string, degrees: number, label = "bridge") => ({ filepath, label, unit: at(degrees) });

describe("choosing rows that resemble many targets", () => {
  test("takes one of two near copies first, then what serves the other target", () => {
    const rows = [row("a", 1), row("copy of a", 2), row("b", 60)];
    const { chosen, rounds } = coverTargets([target(0), target(55)], rows, { reach: 0.7, count: 2, turns: 1 });
    expect({ chosen, rounds }).toEqual({ chosen: ["a", "b"], rounds: 1 });
  });

  test("serves the heavier target first", () => {
    const rows = [row("a", 0), row("b", 90)];
    expect(coverTargets([target(0, 1), target(90, 2)], rows, { reach: 0.5, count: 1, turns: 1 }).chosen).toEqual(["b"]);
  });

  test("begins anew when nothing is left to add, so that it does not run dry", () => {
    const rows = [row("a", 0), row("b", 1), row("c", 2)];
    const { chosen, rounds } = coverTargets([target(0)], rows, { reach: 0.7, count: 3, turns: 1 });
    expect({ chosen, rounds }).toEqual({ chosen: ["a", "b", "c"], rounds: 3 });
  });

  test("gives no row to a target of another label, and none that lies below the reach", () => {
    const rows = [row("pass", 0, "PASS"), row("far", 80), row("near", 10, " Bridge ")];
    expect(coverTargets([target(0)], rows, { reach: 0.7, count: 3, turns: 1 }).chosen).toEqual(["near"]);
  });

  test("keeps an equal share of the rows that serve any target for each later turn", () => {
    const rows = [row("far", 90), ...[0, 1, 2, 3, 4].map((degrees) => row(`r${degrees}`, degrees))];
    const chosen = (turns: number) => coverTargets([target(0)], rows, { reach: 0.7, count: 4, turns }).chosen;
    expect([1, 2, 5].map((turns) => chosen(turns).length)).toEqual([4, 3, 1]);
  });

  test("never takes a row twice and agrees with trying every row each time", () => {
    const turns = Array.from({ length: 60 }, (_, i) => (i * 137.5) % 360);
    const rows = turns.map((degrees, i) => row(`r${i}`, degrees, i % 3 === 0 ? "PASS" : "bridge"));
    const targets = turns.map((degrees, i) => target(degrees + 7, 1 + (i % 5), i % 2 === 0 ? "PASS" : "bridge"));
    const { chosen } = coverTargets(targets, rows, { reach: 0.8, count: 25, turns: 1 });
    expect(new Set(chosen).size).toBe(25);
    expect(chosen).toEqual(byBruteForce(targets, rows, 0.8, 25));
  });
});

function byBruteForce(
  targets: readonly ReturnType<typeof target>[],
  rows: readonly ReturnType<typeof row>[],
  reach: number,
  count: number,
): string[] {
  const served = targets.map(() => 0);
  const give = (r: (typeof rows)[number], t: (typeof targets)[number]) => {
    const cosine = (r.unit[0] ?? 0) * (t.unit[0] ?? 0) + (r.unit[1] ?? 0) * (t.unit[1] ?? 0);
    return r.label === t.label ? Math.max(0, Math.fround(cosine - reach)) : 0;
  };
  const chosen: string[] = [];
  while (chosen.length < count) {
    const gains = rows.map((r) =>
      chosen.includes(r.filepath)
        ? -1
        : targets.reduce((sum, t, i) => sum + t.weight * Math.max(0, give(r, t) - (served[i] ?? 0)), 0),
    );
    const best = rows[gains.indexOf(Math.max(...gains))];
    if (best === undefined) break;
    chosen.push(best.filepath);
    targets.forEach((t, i) => {
      served[i] = Math.max(served[i] ?? 0, give(best, t));
    });
  }
  return chosen;
}

describe("weights by weakness", () => {
  const rows = [
    { label: "PASS", score: 0.9 },
    { label: "PASS", score: 0.1 },
    { label: "bridge", score: 0.2 },
    { label: "bridge", score: 0.8 },
  ];

  test("weigh the highest PASS and the lowest defect most, and both sides alike", () => {
    expect(weaknessWeights(rows, 1).map((value) => Number(value.toFixed(4)))).toEqual([0.3333, 0.1667, 0.3333, 0.1667]);
  });

  test("fall faster when sharper, and do not depend on the scale of the scores", () => {
    const sharp = weaknessWeights(rows, 3);
    expect(sharp.map((value) => Number(value.toFixed(4)))).toEqual([0.4444, 0.0556, 0.4444, 0.0556]);
    expect(
      weaknessWeights(
        rows.map(({ label, score }) => ({ label, score: score ** 4 * 70 })),
        3,
      ),
    ).toEqual(sharp);
  });

  test("give one side alone everything", () => {
    expect(weaknessWeights([{ label: "pass", score: 1 }], 3)).toEqual([1]);
  });
});
