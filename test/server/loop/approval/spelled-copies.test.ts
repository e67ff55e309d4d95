import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { readRun } from "../../../../server/journal/journal.ts";
import { workspacePaths } from "../../../../server/run/paths.ts";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";

let loop: TinyLoop;
let written = "";

beforeAll(async () => {
  loop = await tinyLoop("baseline-evaluate", {}, async (workspace) => {
    const { kpiCsv } = workspacePaths(workspace);
    written = (await readFile(kpiCsv, "utf8")).replaceAll(",PASS,", ",Pass,").replaceAll(",bridge,", ", BRIDGE,");
    await writeFile(kpiCsv, written);
  });
}, 600_000);
afterAll(async () => await loop.remove());

it("a run measures on its own copy of a KPI set whose labels are spelled otherwise; the set itself stays", async () => {
  const { kpiCsv } = workspacePaths(loop.workspace);
  const { state } = await readRun(loop.runDir, loop.deps());
  const copy = join(loop.runDir, "inputs", "testing_set.csv");
  expect(state.config.kpi_test_csv).toBe(copy);
  expect(Object.keys(state.pins)).toContain(copy);
  expect(state.plan.inputs.kpi_csv).toMatchObject({ path: kpiCsv, relabelled: expect.any(Number) });
  expect(await readFile(kpiCsv, "utf8")).toBe(written);
  expect(await readFile(copy, "utf8")).toBe(written.replaceAll(",Pass,", ",PASS,").replaceAll(", BRIDGE,", ",bridge,"));
  expect(state.iterations.baseline?.metric_result?.counts).toBeDefined();
});
