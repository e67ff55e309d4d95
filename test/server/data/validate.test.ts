import { mkdir, readFile, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { openContents } from "../../../server/data/content-cache.ts";
import { findLeakage } from "../../../server/data/leakage.ts";
import { type CsvCheck, validateCsv } from "../../../server/data/validate.ts";
import { imagesRootOf, lightingsOf } from "../../../server/data/workspace-images.ts";
import { boardRow, putImages, tinyJpeg, writeRows } from "../../support/boards.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();
const oneClass = [expect.objectContaining({ code: "metric.undefined" })];
const names = ["C1@1", "C2@1", "C3@1", "V1@1"];

/** A workspace with the images of C1, C2, C3 and V1. */
async function aWorkspace(): Promise<string> {
  const workspace = await folder();
  await putImages(
    workspace,
    names.flatMap((name) => [`images/boards/b0/${name}`, `images/golden/b0/${name}`]),
  );
  return workspace;
}

async function check(workspace: string, csv: string, more: Partial<CsvCheck> = {}) {
  return validateCsv({
    csv,
    workspace,
    images_root: await imagesRootOf(workspace),
    lightings: await lightingsOf(workspace),
    ...more,
  });
}

async function problemsOf(rows: Parameters<typeof writeRows>[1], prepare?: (workspace: string) => Promise<unknown>) {
  const workspace = await aWorkspace();
  await prepare?.(workspace);
  const { problems } = await check(workspace, await writeRows(join(workspace, "t.csv"), rows));
  return problems;
}

describe("checking a CSV", () => {
  it("finds nothing in sound rows, wherever their paths start from", async () => {
    const workspace = await aWorkspace();
    await putImages(join(workspace, "pool"), ["images/x/P1", "images/g/P1"]);
    const base = await writeRows(
      join(workspace, "base.csv"),
      names.map((name) => boardRow(name)),
    );
    const cells = { input_path: "images/boards/b0", golden_path: "images/golden/b0", label: "missing" };
    const iteration = await writeRows(join(workspace, "iter.csv"), [boardRow("C1@1", cells)]);
    const poolCells = { input_path: "images/x", golden_path: "images/g" };
    const pool = await writeRows(join(workspace, "pool", "pool.csv"), [boardRow("P1", poolCells)]);
    expect(await check(workspace, base)).toEqual({ ok: true, rows: 4, problems: [], warnings: oneClass });
    expect(await check(workspace, iteration)).toEqual({ ok: true, rows: 1, problems: [], warnings: oneClass });
    expect(await check(workspace, pool)).toEqual({ ok: true, rows: 1, problems: [], warnings: oneClass });
  });

  it("names columns that are missing", async () => {
    const workspace = await aWorkspace();
    await writeFile(join(workspace, "t.csv"), "input_path,label\na,PASS\n");
    const { ok, rows, problems } = await check(workspace, join(workspace, "t.csv"));
    expect([ok, rows]).toEqual([false, 1]);
    expect(problems).toEqual([
      { code: "gate.schema", count: 1, examples: [{ missing: ["golden_path", "object_name"] }] },
    ]);
  });

  it("says that a header alone has no rows", async () => {
    expect(await problemsOf([])).toMatchObject([{ code: "gate.no-rows" }]);
  });

  it("names missing images of either kind once a file", async () => {
    const problems = await problemsOf([boardRow("C1@1"), boardRow("C2@1"), boardRow("X1")], (workspace) =>
      unlink(join(workspace, "images/golden/b0/C2@1_SolderLight.jpg")),
    );
    expect(problems).toMatchObject([{ code: "gate.missing-image", count: 3 }]);
    expect(problems[0]?.examples).toMatchObject([
      { line: 3, column: "golden_path", path: expect.stringMatching(/golden\/b0\/C2@1_SolderLight.jpg$/) },
      { line: 4, column: "input_path" },
      { line: 4, column: "golden_path" },
    ]);
  });

  it("counts everything and shows the first five", async () => {
    const rows = Array.from({ length: 9 }, (_, at) => boardRow("C1@1", { object_name: `N${at}`, golden_path: "none" }));
    const [problem] = await problemsOf(rows);
    expect([problem?.count, problem?.examples.length]).toEqual([18, 5]);
  });

  it("wants the image of every lighting of the spec", async () => {
    const spec = "dataset: {classify: {num_input: 2, input_map: {SolderLight: 0, WhiteLight: 1}}}";
    const problems = await problemsOf([boardRow("C1@1")], async (workspace) => {
      await mkdir(join(workspace, "specs"));
      await writeFile(join(workspace, "specs/baseline_spec.yaml"), spec);
    });
    expect(problems).toMatchObject([{ code: "gate.missing-image", count: 2 }]);
    expect(problems[0]?.examples[0]?.path).toMatch(/C1@1_WhiteLight.jpg$/);
  });

  it.each<[string, Buffer]>([
    ["an empty file", Buffer.alloc(0)],
    ["text", Buffer.from("not an image at all, just text")],
    ["a JPEG cut before its size", tinyJpeg.subarray(0, 7)],
    ["a JPEG of no width", Buffer.from(tinyJpeg).fill(0, 7, 11)],
  ])("an image that is %s is bad", async (_, content) => {
    const problems = await problemsOf([boardRow("C1@1")], (workspace) =>
      putImages(workspace, ["images/boards/b0/C1@1"], content),
    );
    expect(problems).toMatchObject([{ code: "gate.bad-image", count: 1, examples: [{ line: 2, state: "bad" }] }]);
  });

  it("a directory or a dangling link in place of an image is no image", async () => {
    const problems = await problemsOf([boardRow("D1"), boardRow("L1")], async (workspace) => {
      await mkdir(join(workspace, "images/boards/b0/D1_SolderLight.jpg"));
      await symlink("nowhere", join(workspace, "images/boards/b0/L1_SolderLight.jpg"));
      await putImages(workspace, ["images/golden/b0/D1", "images/golden/b0/L1"]);
    });
    expect(problems).toMatchObject([
      { code: "gate.bad-image", count: 1, examples: [{ line: 2 }] },
      { code: "gate.missing-image", count: 1, examples: [{ line: 3 }] },
    ]);
  });

  it("an image that lies outside the workspace behind a link is named", async () => {
    const outside = await folder();
    await putImages(outside, ["E1"]);
    const problems = await problemsOf([boardRow("E1")], async (workspace) => {
      await putImages(workspace, ["images/golden/b0/E1"]);
      const target = join(outside, "E1_SolderLight.jpg");
      await symlink(target, join(workspace, "images/boards/b0/E1_SolderLight.jpg"));
    });
    expect(problems).toMatchObject([{ code: "gate.path-outside-workspace", count: 1, examples: [{ line: 2 }] }]);
  });

  it.each(["pass", "Pass", " PASS", "Missing", "missing "])(
    "the label %j is not as training needs it",
    async (label) => {
      expect(await problemsOf([boardRow("C1@1", { label })])).toMatchObject([
        { code: "gate.label-case", count: 1, examples: [{ line: 2, label, expected: expect.any(String) }] },
      ]);
    },
  );

  it.each([
    ["label", ""],
    ["label", "NA"],
    ["label", "None"],
    ["object_name", "nan"],
  ])("a %s of %j reads as missing", async (column, value) => {
    const problems = await problemsOf([boardRow("C1@1", { [column]: value })], (workspace) =>
      putImages(workspace, ["images/boards/b0/nan", "images/golden/b0/nan"]),
    );
    expect(problems).toMatchObject([{ code: "gate.missing-value", count: 1, examples: [{ line: 2, column, value }] }]);
  });

  it("a column of numbers alone is named, a mixed one is not", async () => {
    const prepare = (workspace: string) =>
      putImages(workspace, ["images/0041/C1", "images/0041/C2", "images/golden/b0/C1", "images/golden/b0/C2"]);
    const numeric = boardRow("C1", { input_path: "0041" });
    expect(await problemsOf([numeric], prepare)).toMatchObject([
      { code: "gate.numeric-column", count: 1, examples: [{ column: "input_path", value: "0041" }] },
    ]);
    expect(await problemsOf([numeric, boardRow("C1@1")], prepare)).toEqual([]);
  });

  it("two rows of one image are duplicates, also when they disagree or are spelled differently", async () => {
    const rows = [boardRow("C1@1"), boardRow("C2@1"), boardRow("C1@1", { input_path: "./boards//b0", label: "shift" })];
    expect(await problemsOf(rows)).toEqual([
      {
        code: "gate.duplicate-row",
        count: 1,
        examples: [{ line: 4, first_line: 2, object_name: "C1@1", labels: ["PASS", "shift"] }],
        text: "1 of 3 rows shows an image that an earlier row shows; each counts once more",
      },
      expect.objectContaining({ code: "gate.contradiction", count: 1 }),
    ]);
  });

  it("refuses a file that is no table", async () => {
    const workspace = await aWorkspace();
    await writeFile(join(workspace, "t.csv"), "a;b\n1;2\n");
    expect((await refusalOf(() => check(workspace, join(workspace, "t.csv")))).code).toBe("input.bad-csv");
  });
});

describe("leakage", () => {
  async function leak(training: Parameters<typeof writeRows>[1], held: Parameters<typeof writeRows>[1]) {
    const workspace = await aWorkspace();
    const csv = await writeRows(join(workspace, "train.csv"), training);
    const other = await writeRows(join(workspace, "held.csv"), held);
    const val = await check(workspace, csv, { validation_csv: other });
    const kpi = await check(workspace, csv, { kpi_csv: other });
    const count = (found: typeof val, code: string) => found.problems.find((problem) => problem.code === code)?.count;
    const counts = [count(val, "gate.train-val-leakage") ?? 0, count(kpi, "gate.train-kpi-leakage") ?? 0];
    expect(counts[0]).toBe(counts[1]);
    return { count: counts[0], examples: val.problems.find(({ code }) => code === "gate.train-val-leakage")?.examples };
  }

  it("is found between a CSV relative to the workspace and one relative to the images root", async () => {
    const found = await leak(
      [boardRow("C1@1", { input_path: "images/boards/b0", golden_path: "images/golden/b0" }), boardRow("C2@1")].slice(
        0,
        1,
      ),
      [boardRow("V1@1"), boardRow("C1@1")],
    );
    expect(found).toEqual({ count: 1, examples: [{ line: 2, held_line: 3, by: "path", object_name: "C1@1" }] });
  });

  it.each<[string, Record<string, string>, string]>([
    ["the same row", {}, "key"],
    ["another label case", { label: "pass" }, "key"],
    ["another spelling of the path", { input_path: "./boards/../boards/b0" }, "key"],
    ["another label", { label: "shift" }, "path"],
    ["another golden image", { golden_path: "golden/b1" }, "path"],
    ["another board name", { boardname: "b7" }, "path"],
  ])("is found through %s", async (_, cells, by) => {
    const found = await leak([boardRow("C2@1"), boardRow("C1@1", cells)], [boardRow("C1@1")]);
    expect(found).toEqual({ count: 1, examples: [{ line: 3, held_line: 2, by, object_name: "C1@1" }] });
  });

  it("is found through the golden image of a training row", async () => {
    const found = await leak(
      [boardRow("C1@1")],
      [boardRow("C1@1", { input_path: "golden/b0", golden_path: "boards/b0" })],
    );
    expect(found).toMatchObject({ count: 1, examples: [{ by: "path" }] });
  });

  it("is not seen in rows that share a golden board only", async () => {
    expect(await leak([boardRow("C1@1"), boardRow("C2@1")], [boardRow("C3@1"), boardRow("V1@1")])).toEqual({
      count: 0,
    });
  });

  it("is found through links to a file and to its directory", async () => {
    const workspace = await aWorkspace();
    await symlink("boards", join(workspace, "images/alias"));
    await mkdir(join(workspace, "images/pool"));
    const target = join(workspace, "images/boards/b0/C2@1_SolderLight.jpg");
    await symlink(target, join(workspace, "images/pool/P2_SolderLight.jpg"));
    const rows = [
      boardRow("C1@1", { input_path: "alias/b0" }),
      boardRow("P2", { input_path: "pool" }),
      boardRow("C3@1"),
    ];
    const csv = await writeRows(join(workspace, "train.csv"), rows);
    const held = await writeRows(join(workspace, "held.csv"), [boardRow("C2@1"), boardRow("C1@1")]);
    const root = [join(workspace, "images")];
    const [found] = await findLeakage({ csv, roots: root }, [{ csv: held, roots: root }], await lightingsOf(workspace));
    expect(found).toMatchObject({
      count: 2,
      examples: [
        { line: 2, held_line: 3, by: "path", object_name: "C1@1" },
        { line: 3, held_line: 2, by: "path", object_name: "P2" },
      ],
    });
  });

  it("is found in copies when contents are compared", async () => {
    const workspace = await aWorkspace();
    await putImages(workspace, ["images/boards/b0/C1@1"], Buffer.concat([tinyJpeg, Buffer.from("one")]));
    await putImages(workspace, ["images/golden/b0/COPY"]);
    const original = join(workspace, "images/boards/b0/C1@1_SolderLight.jpg");
    await writeFile(join(workspace, "images/boards/b0/COPY_SolderLight.jpg"), await readFile(original));
    const csv = await writeRows(join(workspace, "train.csv"), [boardRow("COPY")]);
    const held = await writeRows(join(workspace, "held.csv"), [boardRow("C1@1")]);
    const sides = [csv, held].map((path) => ({ csv: path, roots: [join(workspace, "images")] }));
    const [left, right] = sides;
    if (left === undefined || right === undefined) throw new Error("two sides");
    const lightings = await lightingsOf(workspace);
    expect(await findLeakage(left, [right], lightings)).toMatchObject([{ count: 0 }]);
    const byContent = await findLeakage(left, [right], lightings, { contents: openContents() });
    expect(byContent).toMatchObject([{ count: 1, examples: [{ by: "content" }] }]);
  });

  it("a CSV does not leak into itself, whatever it is called", async () => {
    const workspace = await aWorkspace();
    const csv = await writeRows(join(workspace, "kpi.csv"), [boardRow("C1@1")]);
    await symlink(csv, join(workspace, "link.csv"));
    const checked = await check(workspace, csv, { kpi_csv: join(workspace, "link.csv"), validation_csv: csv });
    expect(checked).toEqual({ ok: true, rows: 1, problems: [], warnings: oneClass });
  });

  it("a held-out CSV without its columns is refused, not passed", async () => {
    const workspace = await aWorkspace();
    const csv = await writeRows(join(workspace, "t.csv"), [boardRow("C1@1")]);
    await writeFile(join(workspace, "held.csv"), "a,b\n1,2\n");
    const refusal = await refusalOf(() => check(workspace, csv, { kpi_csv: join(workspace, "held.csv") }));
    expect(refusal.code).toBe("gate.schema");
  });
});

/** Counts by hand what the columns and numbers of a check must find, of rows whose images are not there. */
describe("rows against a count by hand", () => {
  it.each([1, 2, 3, 4, 5, 6])("table %d", async (seed) => {
    let state = seed;
    const drawn = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return (state >>> 8) % below;
    };
    const workspace = await aWorkspace();
    const rows = Array.from({ length: 50 + drawn(400) }, () => ({
      input: `in${drawn(4)}`,
      golden: `go${drawn(2)}`,
      object: drawn(9) === 0 ? `part/N${drawn(5)}` : `N${drawn(150)}`,
      label: drawn(3) === 0 ? "missing" : "PASS",
    }));
    const written = rows.map(({ input, golden, object, label }) =>
      boardRow(object, { input_path: input, golden_path: golden, label }),
    );
    const { problems } = await check(workspace, await writeRows(join(workspace, "t.csv"), written));
    const labels = new Map<string, Set<string>>();
    for (const { input, object, label } of rows) {
      const of = labels.get(`${input}/${object}`) ?? new Set();
      labels.set(`${input}/${object}`, of.add(label));
    }
    const images = new Set(rows.flatMap(({ input, golden, object }) => [`${input}/${object}`, `${golden}/${object}`]));
    const countOf = (code: string) => problems.find((problem) => problem.code === code)?.count ?? 0;
    expect(["gate.missing-image", "gate.duplicate-row", "gate.contradiction"].map(countOf)).toEqual([
      images.size,
      rows.length - labels.size,
      [...labels.values()].filter((of) => of.size > 1).length,
    ]);
    const firstAgain = rows.findIndex(({ input, object }, at) =>
      rows.slice(0, at).some((one) => one.input === input && one.object === object),
    );
    const again = problems.find(({ code }) => code === "gate.duplicate-row")?.examples[0];
    expect(again?.line).toBe(firstAgain < 0 ? undefined : firstAgain + 2);
  });
});
