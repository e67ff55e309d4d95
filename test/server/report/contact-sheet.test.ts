import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { load } from "../../../server/report/load.ts";
import type { NewImage } from "../../../server/report/model.ts";
import { renderReport } from "../../../server/report/render.ts";
import { type FinishedRun, finishedRun } from "../../support/finished-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { notesMined, putNewImages } from "../../support/new-images.ts";

const newFolder = temporaryFolders();
const clock = { now: () => new Date("2026-11-21T11:00:00Z") };
const runs: FinishedRun[] = [];

async function aRun(weakOf?: (workspace: string) => (row: number) => string, far_pct = [52, 12.5]) {
  const run = await finishedRun({ far_pct, change: notesMined });
  runs.push(run);
  await putNewImages(run, weakOf === undefined ? {} : { weakOf: weakOf(run.workspace) });
  return run;
}

const kpiPart = (workspace: string) => (row: number) => join(workspace, "images", "kpi", `C${row % 8}_SolderLight.jpg`);

async function sheetOf(run: FinishedRun) {
  const { sheet } = await load(run.runDir, { clock });
  const shown = async (at: number | undefined, path: string) =>
    expect(sheet.pictures[at ?? -1]?.split(",")[1]).toBe(await readFile(path, "base64"));
  return { ...sheet, shown };
}

afterEach(async () => {
  for (const run of runs.splice(0)) await run.remove();
});

describe("the contact sheet of a report", () => {
  it("shows a mined image beside the weak sample that it is most like", async () => {
    const run = await aRun(kpiPart);
    const { sheets, shown } = await sheetOf(run);
    const mined = sheets.find(({ kind }) => kind === "mined");
    expect(mined).toMatchObject({ iteration: "iter1", rule: "pool_error", labels: [{ label: "PASS", rows: 25 }] });
    const image = mined?.images[9] as NewImage;
    expect(image).toMatchObject({ name: "P1_9", label: "PASS", like: { label: "bridge", name: "C1" } });
    expect(image.similarity).toBeCloseTo(0.86);
    await shown(image.picture, join(run.workspace, "pool", "P1_9_SolderLight.jpg"));
    await shown(image.beside, kpiPart(run.workspace)(9));
  });

  it("shows a generated image beside its golden one, and as the generator framed it", async () => {
    const run = await aRun(kpiPart);
    const { sheets, shown } = await sheetOf(run);
    const made = sheets.find(({ kind }) => kind === "generated");
    expect(made).toMatchObject({ labels: [{ label: "missing", rows: 20 }], not_shown: 0 });
    const image = made?.images[0] as NewImage;
    const staged = join(run.runDir, "iter1", "dataset", "images", "synthetic_iter1");
    await shown(image.picture, join(`${staged}_ng`, "PCB+missing_0_SolderLight.jpg"));
    await shown(image.beside, join(`${staged}_ok`, "PCB+missing_0_SolderLight.jpg"));
    await shown(image.marked, join(run.runDir, "iter1", "anomalygen", "sdg", "annotated_image", "PCB+missing_0.png"));
  });

  it("says how many are not shown, however many iterations there are", async () => {
    const few = await sheetOf(await aRun(kpiPart));
    expect(few.sheets.map(({ images, not_shown }) => [images.length, not_shown])).toEqual([
      [24, 1],
      [20, 0],
    ]);
    const many = await sheetOf(
      await aRun(
        kpiPart,
        Array.from({ length: 20 }, (_, at) => 60 - at),
      ),
    );
    expect(many.sheets.map(({ images, not_shown }) => images.length + not_shown)).toEqual(
      Array.from({ length: 19 }, () => [25, 20]).flat(),
    );
    expect(many.sheets.flatMap(({ images }) => images).length).toBeLessThanOrEqual(144);
    expect(Math.min(...many.sheets.map(({ images }) => images.length))).toBeGreaterThan(0);
  });

  it("shows images of the newest of very many iterations, and counts those of all", async () => {
    const { sheets } = await sheetOf(
      await aRun(
        kpiPart,
        Array.from({ length: 40 }, (_, at) => 80 - at),
      ),
    );
    expect(sheets.map(({ images, not_shown }) => images.length + not_shown)).toEqual(
      Array.from({ length: 39 }, () => [25, 20]).flat(),
    );
    const shown = sheets.map(({ images }) => images.length);
    expect(shown).toEqual([...Array(6).fill(0), ...Array(72).fill(2)]);
    expect(sheets.at(-2)?.images[0]).toMatchObject({ name: "P39_0", like: { label: "bridge" } });
  });

  it("takes every label in turn, so that a rare one is seen", async () => {
    const run = await aRun(kpiPart);
    const path = join(run.runDir, "iter1", "mining_filter", "mining_pool.csv");
    await writeFile(path, `${await readFile(path, "utf8")}pool/,golden/,<i>tilt</i>,P1_24\n`);
    const { sheets } = await sheetOf(run);
    const labels = sheets[0]?.images.map(({ label }) => label);
    expect(labels?.slice(0, 3)).toEqual(["PASS", "<i>tilt</i>", "PASS"]);
    const { report_path } = await renderReport(run.runDir, { clock });
    expect(await readFile(report_path, "utf8")).not.toContain("<i>tilt</i>");
  });

  it("shows runs that noted similarities alone, and no weak sample that lies elsewhere", async () => {
    const { sheets } = await sheetOf(await aRun());
    expect(sheets[0]?.images[0]).toMatchObject({ name: "P1_0", similarity: 0.95 });
    expect(sheets[0]?.images.filter(({ beside, like }) => beside !== undefined || like !== undefined)).toEqual([]);
    const elsewhere = join(await newFolder(), "C0_SolderLight.jpg");
    const run = await aRun(() => () => elsewhere);
    await copyFile(join(run.workspace, "images", "kpi", "C0_SolderLight.jpg"), elsewhere);
    const other = await sheetOf(run);
    expect(other.sheets[0]?.images).toHaveLength(24);
    expect(other.sheets[0]?.images.filter(({ beside }) => beside !== undefined)).toEqual([]);
  });

  it("says that a table of what was mined cannot be read, and shows the images", async () => {
    const run = await aRun(kpiPart);
    const mined = join(run.runDir, "iter1", "mining_results", "mined.parquet");
    await writeFile(mined, "PAR1");
    const { missing, sheet } = await load(run.runDir, { clock });
    expect(missing.filter((sentence) => sentence.includes(mined))).toEqual([
      expect.stringMatching(/^iter1: .* cannot be read \(input\.bad-parquet\)/),
    ]);
    expect(sheet.sheets.map(({ kind, images }) => [kind, images.length])).toEqual([
      ["mined", 24],
      ["generated", 20],
    ]);
  });
});
