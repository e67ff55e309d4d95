import { afterEach, describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/compare.ts";
import { runCommand } from "../../support/command.ts";
import { type FinishedRun, finishedRun, type Wish } from "../../support/finished-run.ts";

const runs: FinishedRun[] = [];

afterEach(async () => {
  for (const one of runs.splice(0)) await one.remove();
});

async function aRun(wish: Wish): Promise<string> {
  const one = await finishedRun({ pass_rows: 100, base_rows: 10, ...wish });
  runs.push(one);
  return one.runDir;
}

const withTable =
  (sha256: string): NonNullable<Wish["change"]> =>
  (state) => {
    // Its rows are counted there; the fixture has the base table alone.
    for (const iteration of Object.values(state.iterations)) delete iteration.combined_training_csv;
    state.plan.inputs.kpi_csv = { ...state.plan.inputs.kpi_csv, sha256 };
  };

describe("runs side by side", () => {
  it("show the FAR of every iteration, the best of each, and that one ruler measured them", async () => {
    const one = await aRun({ far_pct: [50, 20], change: withTable("a") });
    const other = await aRun({ far_pct: [50, 10, 30], change: withTable("a") });
    const { code, stdout } = await runCommand(run, [one, other, "--json"]);
    const { runs: found, same_ruler } = JSON.parse(stdout);
    expect([code, same_ruler]).toEqual([0, true]);
    const best = found.map((run: { best: string; iterations: { far_pct: number }[] }) => [
      run.best,
      run.iterations.map(({ far_pct }) => far_pct),
    ]);
    expect(best).toEqual([
      ["iter1", [50, 20]],
      ["iter1", [50, 10, 30]],
    ]);
    expect((await runCommand(run, [one, other])).stdout).toMatch(/^iter2 +- +30$/m);
  });

  it("say what was measured otherwise", async () => {
    const one = await aRun({ far_pct: [50], change: withTable("a") });
    const other = await aRun({ far_pct: [10], change: withTable("b") });
    expect(JSON.parse((await runCommand(run, [one, other, "--json"])).stdout).differs).toEqual(["KPI table"]);
    expect((await runCommand(run, [one, other])).stdout).toContain("Not the same ruler (KPI table)");
  });
});
