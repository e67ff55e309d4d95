import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readChangeNet, writeChangeNet } from "../../../server/data/changenet.ts";
import { readTable, writeTable } from "../../../server/data/csv.ts";
import { analyseKpi, writeKpiFiles } from "../../../server/data/kpi-files.ts";
import { inertCell } from "../../../server/data/spreadsheet.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { share } from "../../support/soak.ts";

const folder = temporaryFolders();
const runs = { numRuns: share(100) };

const payload = fc.constantFrom(
  ...["=1+1", "=cmd|'/C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "-inf", "--1"],
  ...["x;=1", "x\t=1", "x\n@A1", ';"=1', "=", "-", "+", "@", "", "0", "-0.5", "-1e-3", "+7", ".5", "a/b", "PASS"],
);
const cell = fc.oneof(
  payload,
  fc.tuple(payload, fc.string({ unit: "binary", maxLength: 6 })).map(([start, rest]) => start + rest),
  fc.string({ unit: "binary", maxLength: 12 }),
);
/** What no UTF-8 text file holds is left out. */
const loneSurrogate = /\p{Surrogate}/u;
const writable = cell.filter((text) => !text.includes("\0") && !loneSurrogate.test(text));

/** What a spreadsheet would evaluate, told by other means than the writer's: split as any locale may, then look. */
function evaluated(text: string): string[] {
  if (text.trim() !== "" && Number.isFinite(Number(text))) return [];
  return text.split(/[;\t\r\n]/).filter((part) => {
    const first = [...part].find((character) => character > " " && !'"\u00a0\ufeff'.includes(character));
    return first !== undefined && "=+-@＝＋－＠".includes(first);
  });
}

async function missedTable(header: readonly string[], rows: readonly (readonly string[])[]) {
  const dir = await folder();
  const csv = join(dir, "inference.csv");
  await writeTable(csv, [...header, "label", "siamese_score"], rows);
  const analysis = await analyseKpi(csv, 1);
  const written = await writeKpiFiles(join(dir, "out"), csv, analysis, { minRecall: 1 });
  const path = (end: string) => written.find((one) => one.endsWith(end)) ?? "";
  return { missed: path("missed_no_pass_samples.csv"), metrics: path("threshold_metrics.csv") };
}

describe("a CSV for people", () => {
  it.each([
    ["=1+1", "'=1+1"],
    ["+A1", "'+A1"],
    ["-A1", "'-A1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'\t'=1"],
    ["\rx", "'\rx"],
    ["  =1", "'  =1"],
    ["x;=1", "x;'=1"],
    ["＝1", "'＝1"],
    ["-inf", "'-inf"],
  ])("%j gets its apostrophe", (text, inert) => expect(inertCell(text)).toBe(inert));

  it.each(["-0.5", "-1e-3", "+7", "-12", ".5", "0", "", "PASS", "a-b=c", "images/part.jpg", "nan", "x;y", "don't"])(
    "%j stays",
    (text) => expect(inertCell(text)).toBe(text),
  );

  it("has no cell that a spreadsheet evaluates, header included, and loses no number", async () => {
    const shape = fc.record({
      names: fc.uniqueArray(writable, { minLength: 2, maxLength: 3 }),
      rows: fc.array(fc.array(writable, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
      label: writable.filter((text) => text.trim().toUpperCase() !== "PASS"),
      score: fc.constantFrom("-0.25", "-1e-3", "0"),
    });
    let defused = 0;
    await fc.assert(
      fc.asyncProperty(shape, async ({ names, rows, label, score }) => {
        const header = names.map((name) => `${name}~`);
        const defective = rows.map((cells) => [...cells.slice(0, header.length), label, score]);
        const seen = (label: string, score: string) => [...names.map(() => "x"), label, score];
        const plain = [...Array(20).fill(seen("PASS", "5")), ...Array(10).fill(seen("bad", "9"))];
        const { missed } = await missedTable(header, [...defective, ...plain]);
        const table = await readTable(missed);
        const cells = [table.header, ...table.rows].flat();
        expect(cells.flatMap(evaluated)).toEqual([]);
        expect(table.rows).toHaveLength(defective.length);
        expect(table.rows.every((row) => row[header.length + 1] === score)).toBe(true);
        defused += cells.filter((text) => text.includes("'")).length;
      }),
      runs,
    );
    expect(defused).toBeGreaterThan(0);
  });

  it("of thresholds holds numbers alone, so that programs read it as it is", async () => {
    const { metrics } = await missedTable(
      ["a"],
      [
        ["=1", "=bad", "-0.5"],
        ["x", "PASS", "1"],
      ],
    );
    const { rows } = await readTable(metrics);
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.flat().filter((text) => !/^(?:-?[\d.]+(?:e[+-]?\d+)?|nan|inf)$/.test(text))).toEqual([]);
  });
});

describe("a CSV for programs", () => {
  it("keeps every cell, and comes back byte for byte", async () => {
    const shape = fc.record({
      names: fc.uniqueArray(writable, { minLength: 2, maxLength: 4 }),
      rows: fc.array(fc.array(writable, { minLength: 4, maxLength: 4 }), { maxLength: 6 }),
    });
    const [path, again] = [join(await folder(), "a.csv"), join(await folder(), "b.csv")];
    await fc.assert(
      fc.asyncProperty(shape, async ({ names, rows }) => {
        const cells = rows.map((row) => row.slice(0, names.length));
        await writeTable(path, names, cells);
        const table = await readTable(path);
        expect({ header: table.header, rows: table.rows }).toEqual({ header: names, rows: cells });
        await writeTable(again, table.header, table.rows);
        expect(await readFile(again)).toEqual(await readFile(path));
      }),
      runs,
    );
  });

  it("of training rows keeps formulas as labels and paths, byte for byte", async () => {
    const path = join(await folder(), "train.csv");
    const text = "input_path,golden_path,label,object_name,note\n=1,+a,-bad,@o,\t=x\n";
    await writeFile(path, text);
    const { rows } = await readChangeNet(path);
    await writeChangeNet(path, rows);
    const written = await readFile(path, "utf8");
    expect(written).toContain("\n=1,+a,-bad,@o,");
    expect(written.trimEnd().endsWith(",\t=x")).toBe(true);
    expect(written).not.toContain("'");
  });
});
