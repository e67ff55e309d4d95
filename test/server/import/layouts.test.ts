import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run as doctor } from "../../../server/cli/doctor.ts";
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
  /** Where the reference data of the generator comes from. */
  readonly masks: "files" | "boxes" | "none";
};

const twoDefects = { mousebite: "mousebite", spur: "spur" };
const boxed = { "no box": "PASS", ...twoDefects };
const aoi = "(?<board>[^_/]+)_(?<side>TOP|BOT)_(?<component>[^_]+)_(?<lighting>[^_.]+)";

const table: readonly Row[] = [
  {
    layout: "visa",
    masks: "files",
    put: layouts.putVisa,
    rule: "nearest",
    labels: { normal: "PASS", bent: "bent", melt: "melt", "bent,melt": "bent-melt" },
  },
  {
    layout: "real-iad",
    masks: "files",
    put: layouts.putRealIad,
    rule: "same-place",
    labels: { OK: "PASS", AK: "ak", QS: "qs" },
  },
  { layout: "deeppcb", masks: "boxes", put: layouts.putDeepPcb, rule: "template", labels: boxed },
  { layout: "hripcb", masks: "boxes", put: layouts.putHripcb, rule: "template", labels: boxed },
  { layout: "voc", masks: "boxes", put: layouts.putVoc, rule: "nearest", labels: boxed },
  { layout: "coco", masks: "boxes", put: layouts.putCoco, rule: "nearest", labels: boxed },
  { layout: "yolo", masks: "boxes", put: layouts.putYolo, rule: "nearest", labels: boxed },
  {
    layout: "folders",
    masks: "none",
    put: layouts.putAoiExport,
    argv: ["--pattern", aoi],
    rule: "same-place",
    labels: { OK: "PASS", ...twoDefects },
    lightings: ["SolderLight", "White"],
  },
  {
    layout: "table",
    masks: "none",
    put: layouts.putTable,
    argv: ["--table", "source/parts.csv", "--column", "image=img_file", "--column", "golden=ref"],
    rule: "template",
    labels: { "0": "PASS", "1": "defect-1" },
  },
  {
    layout: "folders",
    masks: "none",
    put: layouts.putFolders,
    rule: "nearest",
    labels: { Normal: "PASS", "Mouse Bite": "mouse-bite" },
  },
];

describe("deft-mcp import reads", () => {
  it.each(table)(
    "$layout: $labels, into a workspace that nothing stops",
    async ({ layout, put, argv = [], rule, labels, lightings = [""], masks }) => {
      const folder = await newFolder();
      await put(join(folder, "source"));
      const { stdout, code } = await runCommand(run, ["source", "boards", "--write", ...argv, "--json"], folder);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^\{"workspace"/)]);
      const told = JSON.parse(stdout);
      expect(told).toMatchObject({ layout, lightings, left_out: 0 });
      expect(Object.keys(told.rules)).toEqual([rule]);
      const written = told.labels.map((row: { written: string; label: string }) => [row.written, row.label]);
      expect(Object.fromEntries(written)).toEqual(labels);
      for (const set of ["training", "validation", "kpi"]) {
        expect([set, Object.keys(told.rows[set]).sort()]).toEqual([set, [...new Set(Object.values(labels))].sort()]);
      }
      const none = told.generator === undefined ? ["--num-sdg", "0"] : [];
      const checked = await runCommand(doctor, ["--workspace", "boards", "--json", ...none], folder);
      const halts = JSON.parse(checked.stdout).checks.filter(({ outcome }: { outcome: string }) => outcome === "halt");
      expect([checked.code, halts]).toEqual([0, []]);
      expect(told.generator === undefined).toBe(masks === "none");
    },
  );
});
