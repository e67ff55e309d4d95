import { copyFile, link, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { labelFindings, likelyPassLabel } from "../../../server/data/sanity/labels.ts";
import { type CsvCheck, validateCsv } from "../../../server/data/validate.ts";
import { boardRow, writeRows } from "../../support/boards.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
const side = 64;

/** A part of blocks at places of its own; `noise` makes another photo of the same place. */
function part(seed: number, noise: number): Buffer {
  const random = stream(seed);
  const grain = stream(seed * 31 + noise);
  const levels = new Uint8Array(side * side).fill(60);
  for (let block = 0; block < 14; block++) {
    const [x, y, level] = [random() % 52, random() % 52, 90 + (random() % 160)];
    for (let at = 0; at < 144; at++) levels[(y + Math.floor(at / 12)) * side + x + (at % 12)] = level;
  }
  const data = Buffer.alloc(side * side * 4, 255);
  for (const [at, level] of levels.entries()) {
    const value = Math.max(0, Math.min(255, level + (noise === 0 ? 0 : (grain() % 25) - 12)));
    data.fill(value, at * 4, at * 4 + 3);
  }
  return data;
}

function stream(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
}

const made = new Map<string, Uint8Array>();

/** Encoding is slow beside everything else, so each photo is made once. */
function photo(seed: number, noise: number, quality = 92): Uint8Array {
  const key = `${seed} ${noise} ${quality}`;
  const known = made.get(key) ?? jpeg.encode({ width: side, height: side, data: part(seed, noise) }, quality).data;
  made.set(key, known);
  return known;
}

async function put(path: string, content: Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

const imageAt = (workspace: string, kind: "boards" | "golden", name: string, ext = ".jpg") =>
  join(workspace, "images", kind, "b0", `${name}_SolderLight${ext}`);

const names = Array.from({ length: 12 }, (_, at) => `P${at}`);
const labelOf = (at: number) => (at % 4 === 3 ? "bridge" : "PASS");

/** A workspace of twelve true pairs. */
async function pairs(): Promise<string> {
  const workspace = await folder();
  for (const [at, name] of names.entries()) {
    await put(imageAt(workspace, "boards", name), photo(at, 1));
    await put(imageAt(workspace, "golden", name), photo(at, 2));
  }
  return workspace;
}

const nameIn = (path: string) => /([^/]+)_SolderLight/.exec(path)?.[1] ?? "";

type Rows = Parameters<typeof writeRows>[1];
const rows = (cells: (at: number) => object = () => ({})): Rows =>
  names.map((name, at) => boardRow(name, { label: labelOf(at), ...cells(at) }));

async function check(workspace: string, given: Rows = rows(), more: Partial<CsvCheck> = {}) {
  const csv = await writeRows(join(workspace, "set.csv"), given);
  const lightings = { lightings: ["SolderLight"], image_ext: ".jpg" };
  return validateCsv({ csv, workspace, images_root: join(workspace, "images"), lightings, ...more });
}

const codes = ({ problems, warnings }: Awaited<ReturnType<typeof check>>) => ({
  problems: problems.map(({ code, count }) => [code, count]),
  warnings: warnings.map(({ code, count }) => [code, count]),
});

describe("a set of true pairs", () => {
  it("is nothing to mention", async () => {
    expect(codes(await check(await pairs()))).toEqual({ problems: [], warnings: [] });
  });
});

describe("repeated images", () => {
  it.each<[string, (from: string, to: string) => Promise<void>, number, object]>([
    ["a link", symlink, 1, {}],
    ["a hard link", link, 1, { by: "copy" }],
    ["a copy", (from, to) => copyFile(from, to), 1, { by: "copy" }],
  ])("are found behind %s", async (_name, repeat, count, by) => {
    const workspace = await pairs();
    await repeat(imageAt(workspace, "boards", "P0"), imageAt(workspace, "boards", "Q0"));
    await put(imageAt(workspace, "golden", "Q0"), photo(0, 3));
    const { problems } = await check(workspace, [...rows(), boardRow("Q0")]);
    expect(problems).toEqual([
      {
        code: "gate.duplicate-row",
        count,
        examples: [{ line: 14, first_line: 2, object_name: "Q0", labels: ["PASS"], ...by }],
        text: expect.stringContaining("1 of 13 rows shows an image that an earlier row shows"),
      },
    ]);
  });

  it("that are PASS once and a defect once contradict each other", async () => {
    const workspace = await pairs();
    await copyFile(imageAt(workspace, "boards", "P0"), imageAt(workspace, "boards", "Q0"));
    await put(imageAt(workspace, "golden", "Q0"), photo(0, 3));
    const { problems } = await check(workspace, [...rows(), boardRow("Q0", { label: "bridge" })]);
    expect(problems.map(({ code, count }) => [code, count])).toEqual([
      ["gate.duplicate-row", 1],
      ["gate.contradiction", 1],
    ]);
  });
});

describe("images of the validation set", () => {
  it.each<[string, (from: string, to: string) => Promise<void>]>([
    ["a hard link", link],
    ["a copy", (from, to) => copyFile(from, to)],
  ])("are found behind %s", async (_name, repeat) => {
    const workspace = await pairs();
    await repeat(imageAt(workspace, "boards", "P0"), imageAt(workspace, "boards", "V0"));
    await put(imageAt(workspace, "golden", "V0"), photo(0, 3));
    const validation_csv = await writeRows(join(workspace, "validation.csv"), [boardRow("V0")]);
    const { problems } = await check(workspace, rows(), { validation_csv });
    expect(problems).toMatchObject([
      { code: "gate.train-val-leakage", count: 1, examples: [{ line: 2, held_line: 2 }] },
    ]);
  });
});

describe("pairs that are none", () => {
  it("are rows that name one image twice", async () => {
    const workspace = await pairs();
    const checked = await check(
      workspace,
      rows(() => ({ golden_path: "boards/b0/" })),
    );
    expect(codes(checked)).toEqual({ problems: [["gate.own-golden", 12]], warnings: [] });
    expect(checked.problems[0]?.examples).toHaveLength(5);
  });

  it.each<[string, (from: string, to: string) => Promise<void>]>([
    ["copied", (from, to) => copyFile(from, to)],
    ["linked", symlink],
    ["encoded once more", async (from, to) => void (await put(to, photo(names.indexOf(nameIn(from)), 1, 98)))],
  ])("are PASS photos %s as their own golden", async (_name, repeat) => {
    const workspace = await pairs();
    const given = rows((at) => (labelOf(at) === "PASS" ? { golden_path: "again/b0/" } : {}));
    for (const [at, name] of names.entries()) {
      if (labelOf(at) !== "PASS") continue;
      await put(imageAt(workspace, "boards", name), photo(at, 1, 99));
      const to = imageAt(workspace, "golden", name).replace("/golden/", "/again/");
      await mkdir(dirname(to), { recursive: true });
      await repeat(imageAt(workspace, "boards", name), to);
    }
    const { problems } = codes(await check(workspace, given));
    expect(problems).toEqual([["gate.own-golden", 9]]);
  });

  it("are tolerated for one good part in many, whose photo is the golden one", async () => {
    const workspace = await pairs();
    const many = Array.from({ length: 3 }, (_, set) =>
      names.map((name, at) => ({ name: `${name}x${set}`, seed: at + 20 * set })),
    );
    const given = [];
    for (const { name, seed } of many.flat()) {
      await put(imageAt(workspace, "boards", name), photo(seed, 4));
      await put(imageAt(workspace, "golden", name), photo(seed, 5));
      given.push(boardRow(name, { label: given.length === 5 ? "bridge" : "PASS" }));
    }
    await copyFile(imageAt(workspace, "boards", "P0x0"), imageAt(workspace, "golden", "P0x0"));
    expect(codes(await check(workspace, given))).toEqual({ problems: [], warnings: [["gate.own-golden", 1]] });
    given[0] = boardRow("P0x0", { label: "bridge" });
    expect(codes(await check(workspace, given))).toEqual({ problems: [["gate.own-golden", 1]], warnings: [] });
  });

  it("are columns that changed places", async () => {
    const workspace = await pairs();
    const swapped = rows(() => ({ input_path: "golden/b0/", golden_path: "boards/b0/" }));
    expect(codes(await check(workspace, swapped))).toEqual({ problems: [], warnings: [["gate.swapped-columns", 12]] });
  });

  it.each([
    [12, { problems: [["gate.pair-mismatch", 12]], warnings: [] }],
    [4, { problems: [], warnings: [["gate.pair-mismatch", 4]] }],
    [2, { problems: [], warnings: [] }],
  ])("are photos of different places: %i of 12", async (count, expected) => {
    const workspace = await pairs();
    for (let at = 0; at < count; at++) {
      await put(imageAt(workspace, "golden", names[at] ?? ""), photo(100 + at, 2));
    }
    const checked = await check(workspace);
    expect(codes(checked)).toEqual(expected);
    const [found] = [...checked.problems, ...checked.warnings];
    if (found !== undefined) expect(found.examples[0]).toMatchObject({ line: 2, object_name: "P0", label: "PASS" });
  });
});

describe("images that are read otherwise", () => {
  const deep = PNG.sync.write(Object.assign(new PNG({ width: 8, height: 8 }), { data: Buffer.alloc(8 * 8 * 8, 7) }), {
    colorType: 0,
    bitDepth: 16,
  });
  const bitmap = Buffer.alloc(54);
  bitmap.write("BM");
  bitmap.writeInt32LE(8, 18);
  bitmap.writeInt32LE(8, 22);

  it.each([
    ["BMP", bitmap, "embedded", { problems: [["gate.image-format", 1]], warnings: [] }],
    ["BMP", bitmap, "tao", { problems: [], warnings: [] }],
    ["BMP", bitmap, undefined, { problems: [], warnings: [] }],
    ["gray of 16 bits", deep, "embedded", { problems: [], warnings: [["gate.image-format", 1]] }],
    ["gray of 16 bits", deep, "tao", { problems: [["gate.image-format", 1]], warnings: [] }],
    ["gray of 16 bits", deep, undefined, { problems: [], warnings: [["gate.image-format", 1]] }],
  ] as const)("%s by %s", async (_name, content, reader, expected) => {
    const workspace = await pairs();
    await put(imageAt(workspace, "boards", "P2"), content);
    expect(codes(await check(workspace, rows(), { reader }))).toEqual(expected);
  });
});

describe("labels that read like PASS", () => {
  it("are named with the rows that they turn into defects", async () => {
    const { warnings, ok } = await check(
      await pairs(),
      rows((at) => (at % 4 === 1 ? { label: "good" } : {})),
    );
    expect(ok).toBe(true);
    expect(warnings).toEqual([
      {
        code: "gate.label-word",
        weight: "warning",
        count: 3,
        text: "good reads like PASS but counts as a defect in 3 rows",
        examples: [{ label: "good", rows: 3 }],
      },
    ]);
  });

  it.each(["good", "OK", "normal", "no defect", "No_Defect", "no-defects", "0", "0.0", "defect-free", "i.O.", "良品"])(
    "%s",
    (label) => {
      expect(labelFindings(new Map([[label, 2]]))).toHaveLength(1);
      expect(
        likelyPassLabel(
          new Map([
            ["bridge", 1],
            [label, 2],
          ]),
        ),
      ).toBe(label);
    },
  );

  it.each(["PASS", " pass ", "bridge", "missing", "1", "10", "not ok", "goods", "defect"])("%s does not", (label) => {
    expect(labelFindings(new Map([[label, 2]]))).toEqual([]);
  });

  it("are named where they are all there is", async () => {
    const { warnings } = await check(
      await pairs(),
      rows((at) => (labelOf(at) === "PASS" ? { label: "good" } : {})),
    );
    expect(warnings.map(({ text }) => text)).toEqual([
      "good reads like PASS but counts as a defect in 9 rows",
      "all rows are defects, so FAR and recall have no value on them; good reads like PASS",
    ]);
  });

  it("is measured against the label that was asked for", () => {
    expect(labelFindings(new Map([["good", 2]]), "Good")).toEqual([]);
  });
});
