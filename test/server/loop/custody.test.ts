import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readRun } from "../../../server/journal/journal.ts";
import { rulerUses } from "../../../server/journal/rulers.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { renderReport } from "../../../server/report/render.ts";
import { type TinyLoop, tinyLoop, tinyRequest } from "../../support/tiny-loop.ts";
import { toolClient } from "../../support/tool-client.ts";

let loop: TinyLoop;
beforeAll(async () => {
  loop = await tinyLoop("baseline-evaluate");
});
afterAll(async () => await loop.remove());

const kpiCsv = () => join(loop.workspace, "kpi", "testing_set.csv");
const warningsOf = async () => (await resolvePlan({ ...tinyRequest, platform: "embedded" }, loop.deps())).warnings;
const onTheRuler = (warnings: readonly string[]) => warnings.filter((text) => text.startsWith("KPI set:"));

/** Writes the KPI CSV with other cells. */
async function editKpi(change: (lines: string[]) => string[]): Promise<void> {
  const lines = (await readFile(kpiCsv(), "utf8")).trimEnd().split("\n");
  await writeFile(kpiCsv(), `${change(lines).join("\n")}\n`);
}

/** A second run as far as its first figure. */
async function anotherRun(): Promise<string> {
  const planner = await toolClient(loop.deps());
  const plan_id = String((await planner.result("preflight", loop.request)).plan_id);
  await planner.close();
  const client = await toolClient(loop.deps({ DEFT_APPROVE_PLAN: plan_id }));
  const run = String((await client.result("approve_plan", { plan_id })).run_dir);
  for (const stage of ["train", "evaluate"]) {
    expect(await client.result("run_stage", { run })).toMatchObject({ outcome: "committed", stage });
  }
  await client.close();
  return run;
}

describe("the KPI set in custody over three runs", () => {
  it("counts every scoring, says nothing while the set is the same, and names what changed", async () => {
    const { env } = loop.deps();
    const first = (await readRun(loop.runDir, loop.deps())).state;
    expect(first.ruler).toMatchObject({ earlier_scorings: 0, earlier_runs: 0 });
    expect(await rulerUses({ workspace: loop.workspace, set: "kpi", env })).toMatchObject([
      { iteration: "baseline", ruler: first.ruler?.digest },
    ]);

    expect(onTheRuler(await warningsOf())).toEqual([]);
    const second = (await readRun(await anotherRun(), loop.deps())).state;
    expect(second.ruler).toMatchObject({ digest: first.ruler?.digest, earlier_scorings: 1, earlier_runs: 1 });
    expect(second.ruler?.change).toBeUndefined();

    // The trick: false alarms of the last run become defects.
    let changed = 0;
    await editKpi((lines) =>
      lines.map((line) =>
        changed < 3 && line.includes(",PASS,") && ++changed ? line.replace(",PASS,", ",bridge,") : line,
      ),
    );
    const warning = `KPI set: 3 labels changed since ${second.results_dir.split("/").at(-1)} was scored; figures are not comparable.`;
    expect(onTheRuler(await warningsOf())).toEqual([warning]);
    const third = (await readRun(await anotherRun(), loop.deps())).state;
    expect(third.ruler).toMatchObject({ earlier_scorings: 2, earlier_runs: 2, change: warning });
    const { report_path } = await renderReport(third.results_dir, loop.deps());
    expect(await readFile(report_path, "utf8")).toContain("3 labels changed");
  });

  it("sees rows that were taken away, also where the workspace keeps nothing of the run that was scored", async () => {
    await rm(join(loop.workspace, "results"), { recursive: true });
    await editKpi((lines) => lines.slice(0, -2));
    expect(onTheRuler(await warningsOf())).toEqual([expect.stringContaining("2 rows removed")]);
  });
});
