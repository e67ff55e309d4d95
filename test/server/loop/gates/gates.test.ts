import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { refusals } from "../../../../server/errors.ts";
import { gates, passGates } from "../../../../server/loop/gates/index.ts";
import type { GateFacts, LeakageFacts } from "../../../../server/ports/stage.ts";
import type { StageName } from "../../../../server/run/labels.ts";
import { type GenerationCounts, generationSteps } from "../../../../server/stages/shared/allocation.ts";
import { aState } from "../../../support/a-run.ts";
import { refusalOf } from "../../../support/refusal.ts";

const state = aState("/w/results/run_1");
const pass = (facts: GateFacts, accepted: string[] = [], stage: StageName = "train") =>
  passGates(facts, { accepted, state }, stage);
const step = (rows_in: number, rows_out: number, explained: Record<string, number> = {}) => ({
  ledger: [{ step: "a step", rows_in, rows_out, explained }],
});
const whole: GenerationCounts = {
  requested: 4,
  planned: 4,
  testcases: 4,
  generated: 4,
  result_rows: 4,
  blocked: 1,
  paired: 3,
};
const generated = (change: Partial<GenerationCounts>) => generationSteps({ ...whole, ...change }, []);
const leak = (held: LeakageFacts["held"], count: number, near = 0): GateFacts => {
  const examples = [{ line: 2, held_line: 3, by: "content" as const, object_name: "C1" }];
  const leakage = { count, examples, near: { count: near, examples }, undecoded: 0 };
  return { leakage: [{ held, training_csv: "/t.csv", held_csv: "/h.csv", leakage }] };
};
const inference = (patch: object): GateFacts => ({
  inferences: [{ csv: "/i.csv", kpi_rows: 9, inference_rows: 9, ...patch }],
});
type RowCode = NonNullable<GateFacts["rows"]>["problems"][number]["code"];
const rows = (code: RowCode): GateFacts => ({
  rows: { csv: "/c.csv", problems: [{ code, count: 2, examples: [] }] },
});
const checkpoints = (copies: Record<string, string>, epochs_trained: number): GateFacts => ({
  checkpoints: { train_dir: "/t", copies, epochs_trained },
});
const result = { name: "far_pct", value: 0.5, unit: "%", constraints: { recall_pct: 100 }, passed: true };
const claimed = (patch: object, far_pct = 0.5): GateFacts => ({
  metric: {
    inference_csv: "/i.csv",
    result: { ...result, ...patch },
    swept: { value: far_pct, counts: { tp: 9, fp: 1, tn: 199, fn: 0 } },
  },
});
const output = (real: string): GateFacts => ({ outputs: { allowed: ["/r/iter1"], files: [{ path: "/x", real }] } });

const refused: [string, GateFacts, string][] = [
  ["rows lost between two steps", step(5, 4), "gate.silent-drop"],
  ["rows that came from nowhere", step(5, 6), "gate.silent-drop"],
  ["a rule that took fewer than were lost", step(9, 4, { below_floor: 4 }), "gate.silent-drop"],
  ["an allocation below the request", generated({ planned: 3 }), "gate.allocation-mismatch"],
  ["fewer placed than allocated", generated({ testcases: 3 }), "gate.allocation-mismatch"],
  ["more placed than allocated", generated({ testcases: 5 }), "gate.allocation-mismatch"],
  ["fewer generated than placed", generated({ generated: 3 }), "gate.silent-drop"],
  ["a result table that misses an image", generated({ result_rows: 3 }), "gate.silent-drop"],
  ["an image without its golden twin", generated({ paired: 2 }), "gate.silent-drop"],
  ["training rows that show validation images", leak("validation", 1), "gate.train-val-leakage"],
  ["training rows that show KPI images", leak("kpi", 1), "gate.train-kpi-leakage"],
  ["training rows that show images of the frozen test set", leak("holdout", 1), "gate.holdout-leakage"],
  ["a shorter inference", inference({ inference_rows: 8 }), "gate.silent-drop"],
  ["an inference of other rows", inference({ difference: { line: 3 } }), "stage.evidence-missing"],
  ["an inference of an earlier checkpoint", inference({ same_as: "/old.csv" }), "stage.evidence-missing"],
  ["a label in another case", rows("gate.label-case"), "gate.label-case"],
  ["a CSV without its columns", rows("gate.schema"), "gate.schema"],
  ["a CSV of a header alone", rows("gate.no-rows"), "gate.no-rows"],
  ["a cell that the loader reads as missing", rows("gate.missing-value"), "gate.missing-value"],
  ["a column that the loader turns into numbers", rows("gate.numeric-column"), "gate.numeric-column"],
  ["a row whose image is gone", rows("gate.missing-image"), "gate.missing-image"],
  ["a row whose image is broken", rows("gate.bad-image"), "gate.bad-image"],
  ["a row that leads out of the workspace", rows("gate.path-outside-workspace"), "gate.path-outside-workspace"],
  ["a copied checkpoint", checkpoints({ "/new.pth": "/old.pth" }, 3), "stage.no-new-checkpoint"],
  ["a training of no epoch", checkpoints({}, 0), "stage.no-new-checkpoint"],
  ["a verdict that its value denies", claimed({ value: 2 }, 2), "metric.bad-result"],
  ["a FAR that the inference denies", claimed({}, 65.68), "metric.bad-result"],
  ["a result of another metric", claimed({ name: "recall_pct" }), "metric.bad-result"],
  ["an output outside the iteration", output("/etc/passwd"), "gate.path-outside-workspace"],
  ["an output of another iteration", output("/r/iter10/a"), "gate.path-outside-workspace"],
  ["weak samples that nothing serves", { routing: { gaps: 3, served: 0, dropped_labels: [] } }, "gate.empty-routing"],
  [
    "an iteration without a new row",
    { additions: { earlier_rows: 5, added_rows: 2, new_rows: 0 } },
    "gate.no-new-rows",
  ],
];
const passed: [string, GateFacts][] = [
  ["no facts at all", {}],
  ["a step without loss", step(5, 5)],
  ["a loss that a rule explains", step(9, 4, { below_floor: 3, taken_before: 2 })],
  ["a whole generation with a blocked image", generated({})],
  ["an inference of every row", inference({})],
  ["a new checkpoint after an epoch", checkpoints({}, 1)],
  ["a result that agrees with the inference", claimed({})],
  ["an output inside the iteration", output("/r/iter1/train/a")],
];

describe("gates", () => {
  it.each(refused)("refuse %s", async (_name, facts, code) => {
    expect((await refusalOf(() => pass(facts))).code).toBe(code);
  });

  it.each(passed)("let %s pass", (_name, facts) => {
    expect(pass(facts)).toEqual([]);
  });

  it("turn what a human accepted into a warning, where it may be accepted", async () => {
    expect(
      pass(generated({ testcases: 3, generated: 3, result_rows: 3, paired: 2 }), ["gate.allocation-mismatch"]),
    ).toEqual(["Accepted by a human: The step mask placement lost 1 of 4 without a rule that explains it."]);
    expect((await refusalOf(() => pass(step(5, 4)))).facts).toMatchObject({ may_be_accepted: true });
    for (const facts of [leak("kpi", 1), inference({ inference_rows: 8 })]) {
      const codes = ["gate.train-kpi-leakage", "gate.silent-drop"];
      const refusal = await refusalOf(() => pass(facts, codes));
      expect(refusal.facts).not.toHaveProperty("may_be_accepted");
    }
  });

  it("warn of near twins and of rows that show one image twice", () => {
    expect(pass(leak("kpi", 0, 2))).toEqual([
      "2 training rows show nearly what kpi rows show: line 2 like line 3, and 1 more.",
    ]);
    expect(pass(rows("gate.duplicate-row"))).toEqual(["2 training rows show an image that another row shows."]);
  });

  it("refuse each of their codes in a row of this table", () => {
    const context = { stage: "train", contract: state.metric_contract } as const;
    const shown = (gate: (typeof gates)[number], code: string) =>
      refused.some(([, facts, expected]) => {
        const codes = gate.judge(facts, context).map((verdict) => verdict.code as string);
        return expected === code && codes.includes(code);
      });
    const unseen = gates.flatMap((gate) =>
      gate.codes.filter((code) => !shown(gate, code)).map((code) => [gate.name, code]),
    );
    expect(unseen).toEqual([]);
  });

  it("and every other rule have their codes in references/gates.md, hard stops marked", async () => {
    const page = await readFile("references/gates.md", "utf8");
    const rows =
      page
        .split("## Every code")[1]
        ?.split("\n")
        .filter((line) => /^\| (?!area)[a-z]+ \|/.test(line)) ?? [];
    const listed = rows.flatMap((row) => {
      const [, area = "", , codes = ""] = row.split("|").map((cell) => cell.trim());
      return [...codes.matchAll(/`([a-z0-9-]+)`(\*?)/g)].map(([, name, mark]) => `${area}.${name}${mark}`);
    });
    expect(listed).toEqual(Object.entries(refusals).map(([code, { hardStop }]) => code + (hardStop ? "*" : "")));
  });

  it("stand one in a file, and references/gates.md lists each with its codes", async () => {
    const shared = ["gate.ts", "index.ts", "ledger.ts", "leakage.ts"];
    const files = (await readdir("server/loop/gates")).filter((name) => !shared.includes(name));
    expect(files).toHaveLength(gates.length);
    const page = await readFile("references/gates.md", "utf8");
    for (const gate of gates) {
      const line = page.split("\n").find((one) => one.startsWith(`| ${gate.name} |`)) ?? "";
      const file = /`server\/loop\/gates\/([a-z-]+\.ts)`/.exec(line)?.[1] ?? "";
      expect(files).toContain(file);
      const source = await readFile(`server/loop/gates/${file}`, "utf8");
      expect(source).toContain(`name: "${gate.name}"`);
      expect(source).toMatch(/\/\*\*\n? (\* )?Protects [\s\S]*?\*\/\nexport const /);
      const listed = [...line.matchAll(/`([a-z]+\.[a-z-]+)`/g)]
        .map(([, code]) => code)
        .filter((code) => code && code in refusals);
      expect([gate.name, listed]).toEqual([gate.name, [...gate.codes]]);
    }
  });
});
