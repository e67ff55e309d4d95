import { describe, expect, it } from "@jest/globals";
import { growthRows, miningRows } from "../../../server/report/growth.ts";
import { load } from "../../../server/report/load.ts";
import { attributeText, dataText, escapeHtml } from "../../../server/report/markup.ts";
import { decode, difference, pictureOf, scaleDown } from "../../../server/report/pictures.ts";
import { specChanges } from "../../../server/report/spec-changes.ts";
import { generatedPair, goldenImage, partImage } from "../../support/board-images.ts";
import { finishedRun } from "../../support/finished-run.ts";

const clock = { now: () => new Date("2026-11-21T11:00:00Z") };

describe("text from data", () => {
  it("cannot become markup, turn the line around or flood the page", () => {
    expect(dataText("<b>\"&'")).toBe("<bdi>&lt;b&gt;&#34;&amp;&#39;</bdi>");
    expect(escapeHtml("a\u0000b\u001b\ud800c")).toBe("a\ufffdb\ufffd\ufffdc");
    expect(attributeText('\u202e"x')).toBe("&#34;x");
    expect(dataText("x".repeat(1000), 10)).toBe(`<bdi>${"x".repeat(9)}…</bdi>`);
    expect(dataText({ a: "<" })).toBe("<bdi>{&#34;a&#34;:&#34;&lt;&#34;}</bdi>");
  });
});

describe("the rows of the training sets", () => {
  it("are counted from the files by source", async () => {
    const run = await finishedRun();
    try {
      const notes: string[] = [];
      const iterations = Object.entries(run.state.iterations).map(([label, iteration]) => ({ label, iteration }));
      const rows = await growthRows(run.runDir, run.state.config.training_csv, iterations, (note) => notes.push(note));
      expect(rows).toEqual([
        { label: "baseline", base: 200, mined: 0, synthetic: 0, total: 200 },
        {
          label: "iter1",
          knn_raw_mined: 40,
          sdg_generated: 20,
          added: 45,
          base: 200,
          mined: 25,
          synthetic: 20,
          total: 245,
        },
        {
          label: "iter2",
          knn_raw_mined: 40,
          sdg_generated: 20,
          added: 45,
          base: 200,
          mined: 50,
          synthetic: 40,
          total: 290,
        },
      ]);
      expect(await miningRows(iterations)).toContainEqual({
        label: "iter2",
        skipped: false,
        targets: 60,
        candidates: 40,
        below_similarity: 10,
        similarity_threshold: 0.9,
        already_mined: 5,
        selected: 25,
      });
      expect(notes).toEqual([]);
    } finally {
      await run.remove();
    }
  });
});

describe("images", () => {
  it("that are small go in untouched, larger ones are scaled, and what is no image is left out", () => {
    const part = decode(partImage(0));
    if (part === undefined) throw new Error("the part does not decode");
    expect(pictureOf(part, 128).uri).toBe(`data:image/jpeg;base64,${Buffer.from(partImage(0)).toString("base64")}`);
    expect(pictureOf(part, 48)).toMatchObject({ width: 48, height: 48 });
    expect(scaleDown(part.pixels, 32)).toMatchObject({ width: 32, height: 32 });
    expect(decode(new Uint8Array([0xff, 0xd8, 1, 2, 3]))).toBeUndefined();
    expect(decode(new TextEncoder().encode("<svg/>"))).toBeUndefined();
    expect(decode(generatedPair().ng.subarray(0, 60))).toBeUndefined();
  });

  it("differ where the spot is and nowhere else", () => {
    const [test, golden] = [decode(generatedPair().ng), decode(generatedPair().ok)];
    if (test === undefined || golden === undefined) throw new Error("the pair does not decode");
    const { data, width } = difference(test.pixels, golden.pixels);
    const at = (x: number, y: number) => data[(y * width + x) * 4];
    expect(at(48, 48)).toBe(255);
    expect(at(5, 5)).toBe(0);
    expect(difference(golden.pixels, golden.pixels).data[0]).toBe(0);
    expect(decode(goldenImage())?.type).toBe("jpeg");
  });
});

describe("spec changes", () => {
  it("are the keys that differ, added and removed ones as well", () => {
    const before = new Map([
      ["a", "1"],
      ["b", "2"],
      ["c", "3"],
    ]);
    const after = new Map([
      ["a", "1"],
      ["b", "9"],
      ["d", "4"],
    ]);
    expect(specChanges(before, after)).toEqual([
      { key: "b", before: "2", after: "9" },
      { key: "c", before: "3" },
      { key: "d", after: "4" },
    ]);
  });
});

describe("the model of a finished run", () => {
  it("holds the figures, the samples and where they came from, and misses nothing", async () => {
    const run = await finishedRun();
    try {
      const model = await load(run.runDir, { clock });
      expect(model).toMatchObject({
        run_name: "run_20261121_090000",
        status: "complete",
        best: "iter2",
        outcome: { kind: "gap", label: "2.60 pp from target" },
        integrity: { status: "intact", findings: [] },
        missing: [],
        images: [
          { name: "train, inference, evaluate", reference: "embedded" },
          { name: "anomalygen", reference: "embedded" },
        ],
      });
      expect(model.kpi.map(({ label }) => label)).toEqual(["iter2", "baseline"]);
      expect(model.pairs.map(({ kind, iteration, label }) => [kind, iteration, label])).toEqual([
        ["real", "iter2", "missing"],
        ["synthetic", "iter2", "missing"],
      ]);
      expect(model.weakest).toHaveLength(12);
      expect(model.weakest[0]).toMatchObject({ label: "PASS", test: { width: 96 }, golden: { width: 96 } });
      expect(model.spec_changes.map(({ label, changes }) => [label, changes.length])).toEqual([
        ["baseline", 0],
        ["iter1", 1],
        ["iter2", 1],
      ]);
    } finally {
      await run.remove();
    }
  });
});
