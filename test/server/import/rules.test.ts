import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/import.ts";
import { readTable } from "../../../server/data/csv.ts";
import { isGoodWord } from "../../../server/data/sanity/labels.ts";
import { alignFields, alignmentFields } from "../../../server/import/align.ts";
import { defectLabel } from "../../../server/import/labels.ts";
import { planImport } from "../../../server/import/plan.ts";
import { splitNames } from "../../../server/import/split.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { photograph, putGray } from "../../support/photographs.ts";
import { putMvtec, putTable } from "../../support/public-layouts.ts";

const newFolder = temporaryFolders();
const wish = { columns: {}, good: [], lightings: [], holdout: 0, seed: 1 };
const part = { name: "part", style: "leads", side: 96 } as const;

/** A photo whose content lies `dx`, `dy` pixels further right and down. */
function moved(gray: Uint8Array, side: number, dx: number, dy: number): Uint8Array {
  const inside = (at: number) => Math.max(0, Math.min(side - 1, at));
  return gray.map((_, at) => gray[inside(Math.floor(at / side) - dy) * side + inside((at % side) - dx)] ?? 0);
}

describe("alignment", () => {
  it.each([
    [0, 0],
    [4, -6],
    [-7, 3],
  ])("of a golden image moved by %i, %i px is measured to a pixel", (dx, dy) => {
    const { gray, side } = photograph(part, "a");
    const golden = { width: side, height: side, data: moved(photograph(part, "b").gray, side, dx, dy) };
    const found = alignFields(alignmentFields({ width: side, height: side, data: gray }), alignmentFields(golden));
    expect(found.correlation).toBeGreaterThan(0.9);
    expect(Math.abs(found.dx_px - dx)).toBeLessThan(1.2);
    expect(Math.abs(found.dy_px - dy)).toBeLessThan(1.2);
  });

  it("of an image that shows nothing has no figure", () => {
    const data = new Uint8Array(64 * 64).fill(90);
    const flat = alignmentFields({ width: 64, height: 64, data });
    expect(alignFields(flat, flat).correlation).toBeNull();
  });
});

describe("labels", () => {
  it.each(["good", "OK", "Normal", "no_defect", "PASS", "0", "defect-free", "良品"])("%s is a good part", (word) => {
    expect(isGoodWord(word)).toBe(true);
  });

  it.each([
    ["Missing_hole", "missing-hole"],
    ["bent,melt", "bent-melt"],
    ["1", "defect-1"],
    ["NaN", "defect-nan"],
    ["", "defect-unnamed"],
    ["A+B/C", "a-b-c"],
  ])("%s is written %s", (written, label) => {
    expect([isGoodWord(written), defectLabel(written)]).toEqual([false, label]);
  });
});

describe("the division", () => {
  it("keeps a second exposure of a board with the first, and leaves out a copy and an image of two labels", async () => {
    const root = await newFolder();
    await putMvtec(root, { train: 20, good: 6, each: 6 });
    await copyFile(join(root, "train/good/003.png"), join(root, "test/good/copy.png"));
    await copyFile(join(root, "test/spur/001.png"), join(root, "test/mousebite/same.png"));
    const { gray, side } = photograph({ name: "transistor", style: "vias", side: 96 }, "train 4");
    await putGray(
      join(root, "test/good/again.png"),
      gray.map((level) => Math.min(255, level + 1)),
      side,
    );
    const plan = await planImport({ ...wish, source: root });
    const out = Object.fromEntries(plan.left_out.map(({ name, why }) => [name, why]));
    expect(out).toEqual({
      "train/good/003.png": "a copy of test/good/copy.png",
      "test/spur/001.png": expect.stringMatching(/other labels too/),
      "test/mousebite/same.png": expect.stringMatching(/other labels too/),
    });
    const setOf = (name: string) =>
      splitNames.find((set) => plan.splits[set].some(({ image }) => image.name === name)) ?? "reference";
    const [first, second] = [setOf("train/good/004.png"), setOf("test/good/again.png")];
    if (![first, second].includes("reference")) expect(second).toBe(first);
    expect(plan.alike.length + (first === "reference" || second === "reference" ? 1 : 0)).toBeGreaterThan(0);
  });

  it("is the same for the same seed, another for another, and keeps a holdout out of every set", async () => {
    const root = await newFolder();
    await putMvtec(root, { train: 20, good: 6, each: 6 });
    const boards = async (seed: number, holdout = 0) => {
      const { splits } = await planImport({ ...wish, source: root, seed, holdout });
      return splitNames.map((name) => splits[name].map(({ board }) => board).sort());
    };
    const [once, again, other, held] = [await boards(1), await boards(1), await boards(2), await boards(1, 0.2)];
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
    expect(held.map((set) => set.length > 0)).toEqual([true, true, true, true, true]);
    expect(new Set(held.flat()).size).toBe(held.flat().length);
  });
});

describe("golden images", () => {
  it("and photos that cannot be decoded are left out, and stop nothing", async () => {
    const root = await newFolder();
    await putMvtec(root, { train: 12, good: 6, each: 6 });
    const names = ["train/good/000.png", "train/good/005.png", "test/spur/002.png"];
    for (const [at, name] of names.entries()) await writeFile(join(root, name), `broken ${at}`);
    const plan = await planImport({ ...wish, source: root });
    const used = splitNames.flatMap((set) =>
      plan.splits[set].flatMap(({ image, goldens }) => [image.path, ...Object.values(goldens)]),
    );
    expect(names.filter((name) => used.includes(join(root, name)))).toEqual([]);
    expect(plan.left_out.map(({ name }) => name)).toContain("test/spur/002.png");
    expect(splitNames.flatMap((set) => plan.splits[set]).length).toBeGreaterThan(20);
  });

  it("that a list names for other boards' photos are never inspected themselves", async () => {
    const root = await newFolder();
    await putTable(join(root, "source"));
    // The good photo of board SN001 serves as golden image, and stands in the list too.
    await copyFile(join(root, "source/shots/U1-001.png"), join(root, "source/golden/U1.png"));
    const argv = ["--table", "source/parts.csv", "--column", "image=img_file", "--column", "golden=ref", "--write"];
    const { code } = await runCommand(run, ["source", "boards", ...argv], root);
    expect(code).toBe(0);
    const { rows } = await readTable(join(root, "boards/import_pairs.csv"));
    const images = rows.map((cells) => cells[3]);
    expect(images).toHaveLength(47);
    expect(images).not.toContain("shots/U1-001.png");
  });
});
