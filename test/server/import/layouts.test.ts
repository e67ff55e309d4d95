import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/import.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";
import * as layouts from "../../support/public-layouts.ts";

const newFolder = temporaryFolders();

/** Labels of good parts and defects that a layout holds, by what each becomes. */
type Row = {
  readonly layout: string;
  readonly put: (root: string) => Promise<void>;
  readonly argv?: readonly string[];
  readonly rule: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly lightings?: readonly string[];
};

const twoDefects = { mousebite: "mousebite", spur: "spur" };
const boxed = { "no box": "PASS", ...twoDefects };
const aoi = "(?<board>[^_/]+)_(?<side>TOP|BOT)_(?<component>[^_]+)_(?<lighting>[^_.]+)";

const table: readonly Row[] = [
  {
    layout: "visa",
    put: layouts.putVisa,
    rule: "nearest",
    labels: { normal: "PASS", bent: "bent", melt: "melt", "bent,melt": "bent-melt" },
  },
  { layout: "real-iad", put: layouts.putRealIad, rule: "same-place", labels: { OK: "PASS", AK: "ak", QS: "qs" } },
  { layout: "deeppcb", put: layouts.putDeepPcb, rule: "template", labels: boxed },
  { layout: "hripcb", put: layouts.putHripcb, rule: "template", labels: boxed },
  { layout: "voc", put: layouts.putVoc, rule: "nearest", labels: boxed },
  { layout: "coco", put: layouts.putCoco, rule: "nearest", labels: boxed },
  { layout: "yolo", put: layouts.putYolo, rule: "nearest", labels: boxed },
  {
    layout: "folders",
    put: layouts.putAoiExport,
    argv: ["--pattern", aoi],
    rule: "same-place",
    labels: { OK: "PASS", ...twoDefects },
    lightings: ["SolderLight", "White"],
  },
  {
    layout: "table",
    put: layouts.putTable,
    argv: ["--table", "source/parts.csv", "--column", "image=img_file", "--column", "golden=ref"],
    rule: "template",
    labels: { "0": "PASS", "1": "defect-1" },
  },
  {
    layout: "folders",
    put: layouts.putFolders,
    rule: "nearest",
    labels: { Normal: "PASS", "Mouse Bite": "mouse-bite" },
  },
];

describe("deft-mcp import reads", () => {
  it.each(table)("$layout: $labels", async ({ layout, put, argv = [], rule, labels, lightings = [""] }) => {
    const folder = await newFolder();
    await put(join(folder, "source"));
    const { stdout, code } = await runCommand(run, ["source", "boards", ...argv, "--json"], folder);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\{"workspace"/)]);
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({ layout, lightings, left_out: 0 });
    expect(Object.keys(told.rules)).toEqual([rule]);
    const written = told.labels.map((row: { written: string; label: string }) => [row.written, row.label]);
    expect(Object.fromEntries(written)).toEqual(labels);
    for (const set of ["training", "validation", "kpi"]) {
      expect([set, Object.keys(told.rows[set]).sort()]).toEqual([set, [...new Set(Object.values(labels))].sort()]);
    }
  });
});
