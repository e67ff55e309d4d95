import { afterEach, describe, expect, it } from "@jest/globals";
import { systemDeps } from "../../../server/cli/deps.ts";
import { listMisjudged } from "../../../server/report/listing.ts";
import { exportText } from "../../../server/report/misjudged-files.ts";
import { exportFormats } from "../../../server/run/labels.ts";
import { type FinishedRun, finishedRun } from "../../support/finished-run.ts";
import { refusalOf } from "../../support/refusal.ts";

const deps = systemDeps({ env: {}, cwd: process.cwd() });
const runs: FinishedRun[] = [];

afterEach(async () => {
  for (const run of runs.splice(0)) await run.remove();
});

/** 10 false alarms in the baseline, 4 in iter1: C10 to C15 become quiet; defects score 0.35 and more. */
async function aRun(label = "missing"): Promise<FinishedRun> {
  const run = await finishedRun({ far_pct: [50, 20], pass_rows: 20, distinct_images: 20, defects: { [label]: 4 } });
  runs.push(run);
  return run;
}

describe("the list of misjudged parts", () => {
  it("is of the newest iteration, at its threshold, with what changed since the one before", async () => {
    const { runDir } = await aRun();
    const { iteration, against, threshold, parts } = await listMisjudged(runDir, {}, deps);
    expect([iteration, against, threshold]).toEqual(["iter1", "baseline", 0.3]);
    expect(parts.map(({ part, judged }) => `${part} ${judged}`)).toEqual(
      ["C19", "C18", "C17", "C16"].map((part) => `${part} false_alarm`),
    );
    expect(parts[0]).toMatchObject({ image: expect.stringMatching(/\/images\/kpi\/C19_SolderLight\.jpg$/) });
    const strict = await listMisjudged(runDir, { iteration: "baseline", threshold: 0.6 }, deps);
    expect(
      strict.parts
        .map(({ judged }) => judged)
        .sort()
        .at(-1),
    ).toBe("missed");
    expect((await refusalOf(() => listMisjudged(runDir, { iteration: "iter7" }, deps))).facts.candidates).toEqual([
      "baseline",
      "iter1",
    ]);
  });

  it("has every part in every export, its image size in COCO, and no formula in a spreadsheet", async () => {
    const { runDir } = await aRun("=HYPERLINK(1)");
    const listing = await listMisjudged(runDir, { threshold: 2 }, deps);
    expect(listing.parts).toHaveLength(4);
    const texts = await Promise.all(exportFormats.map((format) => exportText(format, listing)));
    const [csv = "", ...json] = texts;
    expect(csv.trimEnd().split("\n")).toHaveLength(5);
    expect(csv).toContain("'=HYPERLINK(1)");
    const [coco, fiftyone, studio] = json.map((text) => JSON.parse(text));
    expect([coco.images.length, coco.annotations.length, coco.categories]).toEqual([
      4,
      4,
      [{ id: 1, name: "=HYPERLINK(1)" }],
    ]);
    expect(coco.images[0].width).toBeGreaterThan(0);
    expect(coco.annotations[0].bbox).toEqual([0, 0, coco.images[0].width, coco.images[0].height]);
    expect(fiftyone.samples.map(({ tags }: { tags: string[] }) => tags[0])).toEqual(Array(4).fill("missed"));
    expect(studio.map((task: { data: { part: string } }) => task.data.part).sort()).toEqual(["C0", "C1", "C2", "C3"]);
  });
});
