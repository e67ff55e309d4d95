import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { compareScores } from "../../../server/data/score-comparison.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { leftOpenBy } from "../../support/open-files.ts";

const folder = temporaryFolders();
const exact = { absolute: 0, relative: 0 };

type Row = readonly [name: string, score: number];

async function csv(rows: readonly Row[], name: string, place: string): Promise<string> {
  const path = join(place, name);
  const lines = rows.map(([object, score]) => `a/,g/,PASS,${object},${score}`);
  await writeFile(path, `input_path,golden_path,label,object_name,siamese_score\n${lines.join("\n")}\n`);
  return path;
}

async function compared(left: readonly Row[], right: readonly Row[], tolerance = exact, chosen?: readonly number[]) {
  const place = await folder();
  return await compareScores(await csv(left, "a.csv", place), await csv(right, "b.csv", place), tolerance, chosen);
}

const rows: Row[] = [
  ["x", 0.1],
  ["y", 0.5],
  ["z", 12],
];

describe("two scorings of the same rows", () => {
  it("leave no file open, be their rows as many or not", async () => {
    expect(await leftOpenBy(() => compared(rows, rows))).toBeLessThan(10);
    expect(await leftOpenBy(() => compared(rows.slice(1), rows))).toBeLessThan(10);
  });

  it("agree where every score is the same", async () => {
    expect(await compared(rows, rows)).toEqual({ rows: 3, differing: 0, largest: 0, examples: [] });
  });

  it("differ by the smallest step, unless it is tolerated: absolutely, or as a share of the score", async () => {
    const moved: Row[] = [
      ["x", 0.1],
      ["y", 0.5005],
      ["z", 12.02],
    ];
    expect(await compared(rows, moved)).toMatchObject({
      differing: 2,
      examples: [
        { line: 3, object_name: "y", recorded: 0.5, again: 0.5005 },
        { line: 4, object_name: "z", recorded: 12, again: 12.02 },
      ],
    });
    expect((await compared(rows, moved, { absolute: 0.001, relative: 0 })).differing).toBe(1);
    const found = await compared(rows, moved, { absolute: 0, relative: 0.002 });
    expect([found.differing, found.largest]).toEqual([0, expect.closeTo(0.02, 6)]);
  });

  it("differ where a row is another, is missing, or is one too many", async () => {
    expect(
      (
        await compared(rows, [
          ["x", 0.1],
          ["other", 0.5],
          ["z", 12],
        ])
      ).differing,
    ).toBe(1);
    expect((await compared(rows, rows.slice(0, 2))).differing).toBe(1);
    expect((await compared(rows.slice(0, 2), rows)).differing).toBe(1);
  });

  it("of a sample are those of the chosen rows", async () => {
    const sample: Row[] = [
      ["x", 0.1],
      ["z", 12],
    ];
    expect(await compared(rows, sample, exact, [0, 2])).toMatchObject({ rows: 2, differing: 0 });
    expect((await compared(rows, sample, exact, [0, 1])).differing).toBe(1);
  });
});
