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
    const bounds = { reach: 0.8, count: 25, turns: 1 };
    const { chosen } = coverTargets(targets, rows, bounds);
    expect(new Set(chosen).size).toBe(25);
    expect(chosen).toEqual(byBruteForce(targets, rows, bounds).chosen);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "agrees with trying every row each time on vectors of many values (%i)",
    (seed) => {
      const next = randomFrom(seed);
      const labels = ["PASS", "bridge", "open"];
      const centres = Array.from({ length: 4 }, () => Array.from({ length: 37 }, next));
      const near = () => {
        const centre = centres[Math.floor(4 * Math.abs(next()))] ?? [];
        return {
          unit: unitOf(centre.map((value) => value + 0.4 * next())),
          label: labels[Math.floor(3 * Math.abs(next()))] ?? "",
        };
      };
      const targets = Array.from({ length: 45 }, (_, i) => ({ ...near(), weight: i % 6 === 0 ? 0 : Math.abs(next()) }));
      const rows = Array.from({ length: 90 }, (_, i) => ({ ...near(), filepath: `r${i}` }));
      // A copy ties with its original; what hardly differs from it is told apart beyond float32 arithmetic.
      rows.splice(40, 0, ...rows.slice(0, 5).map((one) => ({ ...one, filepath: `copy of ${one.filepath}` })));
      for (const one of rows.slice(10, 30)) {
        const unit = unitOf([...one.unit].map((value) => value + 3e-7 * next()));
        rows.push({ ...one, unit, filepath: `near ${one.filepath}` });
      }
      // A pair that lies exactly at the reach gives nothing.
      const reach = dot((rows[7] as Row).unit, (targets[3] as Target).unit);
      for (const bounds of [
        { reach: 0.85, count: 60, turns: 1 },
        { reach: 0.7, count: 60, turns: 4 },
        { reach, count: 95, turns: 1 },
      ]) {
        expect(coverTargets(targets, rows, bounds)).toEqual(byBruteForce(targets, rows, bounds));
      }
    },
  );
});

type Target = ReturnType<typeof target>;
type Row = ReturnType<typeof row>;

const randomFrom = (seed: number) => {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 30 - 1;
  };
};
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
const unitOf = (values: readonly number[]) => {
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
};

/** The same by its description: every row is tried for every choice. */
function byBruteForce(
  targets: readonly Target[],
  rows: readonly Row[],
  { reach, count, turns }: Parameters<typeof coverTargets>[2],
): ReturnType<typeof coverTargets> {
  let served = targets.map(() => 0);
  const gifts = rows.map((r) =>
    targets.map((t) => (r.label === t.label ? Math.max(0, Math.fround(dot(r.unit, t.unit) - reach)) : 0)),
  );
  const gainOf = (r: number) =>
    targets.reduce((sum, t, i) => sum + t.weight * Math.max(0, (gifts[r]?.[i] ?? 0) - (served[i] ?? 0)), 0);
  const most = Math.min(count, Math.ceil(rows.filter((_, r) => gainOf(r) > 1e-9).length / turns));
  const chosen: string[] = [];
  let rounds = 1;
  while (chosen.length < most) {
    const gains = rows.map((r, i) => (chosen.includes(r.filepath) ? -1 : gainOf(i)));
    const best = gains.indexOf(Math.max(...gains));
    if ((gains[best] ?? 0) > 1e-9) {
      chosen.push(rows[best]?.filepath ?? "");
      served = served.map((had, i) => Math.max(had, gifts[best]?.[i] ?? 0));
      continue;
    }
    served = targets.map(() => 0);
    rounds++;
  }
  return { chosen, rounds };
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
