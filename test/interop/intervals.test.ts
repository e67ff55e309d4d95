import { execFileSync } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import { exactInterval, upperBound } from "../../server/kpi/interval.ts";

const script = `
import json, sys
from scipy.stats import beta
cases = json.load(sys.stdin)
def one(hits, trials, confidence):
    low = lambda mass: 0.0 if hits == 0 else float(beta.ppf(mass, hits, trials - hits + 1))
    high = lambda mass: 1.0 if hits == trials else float(beta.ppf(mass, hits + 1, trials - hits))
    tail = (1 - confidence) / 2
    return [low(tail), high(1 - tail), high(confidence)]
print(json.dumps([one(*case) for case in cases]))
`;

describe("our intervals and those of scipy", () => {
  it("agree to ten digits over sizes, shares and confidences", () => {
    const sizes = [1, 2, 7, 40, 150, 598, 10_000, 1_000_000];
    const cases = sizes.flatMap((trials) =>
      [...new Set([0, 1, Math.floor(trials * 0.003), Math.floor(trials / 3), trials - 1, trials])].flatMap((hits) =>
        [0.9, 0.95, 0.99].map((confidence) => [hits, trials, confidence] as const),
      ),
    );
    const reference: [number, number, number][] = JSON.parse(
      execFileSync(process.env.PYTHON ?? "python3", ["-c", script], { input: JSON.stringify(cases), encoding: "utf8" }),
    );
    expect(reference).toHaveLength(cases.length);
    for (const [at, [hits, trials, confidence]] of cases.entries()) {
      const { low, high } = exactInterval(hits, trials, confidence);
      const found = [low, high, upperBound(hits, trials, confidence)];
      for (const [which, value] of found.entries()) {
        const expected = reference[at]?.[which] ?? Number.NaN;
        const label = `${hits}/${trials} at ${confidence}: ${value} and ${expected}`;
        expect(`${Math.abs(value - expected) <= 1e-10 * Math.max(expected, 1e-6)} ${label}`).toBe(`true ${label}`);
      }
    }
  });
});
