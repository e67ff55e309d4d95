import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readRun } from "../../../server/journal/journal.ts";
import { auditRun } from "../../../server/loop/proof/audit.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { workspacePaths } from "../../../server/run/paths.ts";
import type { RunState } from "../../../server/run/state.ts";
import { type TinyLoop, tinyLoop, tinyRequest } from "../../support/tiny-loop.ts";
import { toolClient } from "../../support/tool-client.ts";

let loop: TinyLoop;
let state: RunState;

/** Every third KPI row becomes a row of the frozen test set. */
async function freeze(workspace: string): Promise<void> {
  const { kpiCsv, holdoutCsv } = workspacePaths(workspace);
  const [header = "", ...rows] = (await readFile(kpiCsv, "utf8")).trimEnd().split("\n");
  const csvOf = (kept: readonly string[]) => `${[header, ...kept].join("\n")}\n`;
  await writeFile(holdoutCsv, csvOf(rows.filter((_, at) => at % 3 === 0)));
  await writeFile(kpiCsv, csvOf(rows.filter((_, at) => at % 3 !== 0)));
}

beforeAll(async () => {
  loop = await tinyLoop("finished", { max_iterations: 1 }, freeze);
  state = (await readRun(loop.runDir, loop.deps())).state;
}, 600_000);
afterAll(async () => await loop.remove());

const holdoutCsv = () => workspacePaths(loop.workspace).holdoutCsv;

describe("a run with a frozen test set that ends at its last iteration", () => {
  it("has its figure reproduced and the frozen set scored once, whole, at the threshold of the model handed over", async () => {
    expect(state.stop_reason).toBe("max_iterations");
    expect(state.score_proof).toMatchObject({ level: "reproduced", differing: 0 });
    const { holdout } = state;
    const rows = (await readFile(holdoutCsv(), "utf8")).trimEnd().split("\n").length - 1;
    const { tp = 0, fp = 0, tn = 0, fn = 0 } = holdout?.counts ?? {};
    expect([holdout?.rows, tp + fp + tn + fn]).toEqual([rows, rows]);
    expect(holdout).toMatchObject({
      iteration: state.score_proof?.iteration,
      threshold: state.iterations[holdout?.iteration ?? ""]?.threshold,
      earlier_scorings: 0,
      far_pct: (100 * fp) / (fp + tn),
    });
    expect(Object.keys(state.pins)).toContain(holdout?.inference_csv);
    const jobs = (await readdir(join(loop.runDir, "jobs"))).filter((name) => /holdout.*\.json$/.test(name));
    expect(jobs).toEqual([`${holdout?.iteration}-evaluate-1-holdout.json`]);
  });

  it("gave the frozen set to nothing before: no job but the last one, no spec and no table names it or its parts", async () => {
    const [, ...rows] = (await readFile(holdoutCsv(), "utf8")).trimEnd().split("\n");
    const parts = rows.map((row) => row.split(",").slice(0, 4).join(","));
    const own = /\/holdout\/|-holdout|^holdout|deft_state|loop_log|commits|image_digests|holdout-\d/;
    const names = await readdir(loop.runDir, { recursive: true });
    const texts = names.filter((name) => /\.(csv|ya?ml|jsonl?|md)$/.test(name) && !own.test(name));
    expect(texts.length).toBeGreaterThan(10);
    for (const name of texts) {
      const text = await readFile(join(loop.runDir, name), "utf8");
      expect([name, text.includes("holdout_set.csv")]).toEqual([name, false]);
      expect([name, parts.filter((part) => text.includes(part))]).toEqual([name, []]);
    }
  });

  it("shows its figure beside the KPI figure in log, status, answer and report", async () => {
    const client = await toolClient(loop.deps());
    const shown = /frozen test set FAR \d/;
    const status = await client.result("loop_status", { run: loop.runDir });
    expect(String(status.metric)).toMatch(shown);
    expect(String(status.notes)).toMatch(/Look at the weakest parts: \S+spot_check\.csv \(suspected: \d+ /);
    const finished = await client.result("finish_loop", { run: loop.runDir });
    expect(String(finished.status_line)).toMatch(shown);
    expect(JSON.stringify(finished.still_wrong)).toContain("Frozen test set (");
    await client.close();
    expect(await readFile(join(loop.runDir, "loop_log.jsonl"), "utf8")).toContain("Frozen test set (");
    const report = await readFile(String(finished.report_path), "utf8");
    expect(report).toContain("data-holdout");
    expect(report).toContain('data-table="settings"');
  });

  it("is scored again by an audit, which finds a figure that is not that of model and images", async () => {
    const honest = await auditRun(loop.runDir, undefined, loop.deps());
    expect(honest).toMatchObject({ findings: [], holdout: { differing: 0, rows: state.holdout?.rows } });
    const csv = state.holdout?.inference_csv ?? "";
    const before = await readFile(csv, "utf8");
    await writeFile(csv, before.replace(/0\.\d+(?=\r?\n$)/, "0.987"));
    const { findings } = await auditRun(loop.runDir, undefined, loop.deps());
    expect(findings.map(({ what }) => what)).toContain("The frozen test set has other scores than were recorded");
    await writeFile(csv, before);
  });
});

describe("a workspace with a frozen test set", () => {
  const again = () => resolvePlan({ ...tinyRequest, platform: "embedded" }, loop.deps());

  it("tells the next run that somebody looked at it, and has it in the plan", async () => {
    const { plan, warnings } = await again();
    expect(plan?.inputs.holdout_csv).toMatchObject({ path: holdoutCsv() });
    expect(warnings.filter((text) => text.startsWith("Frozen test set: 1 earlier run "))).toHaveLength(1);
  });

  it.each(["kpiCsv", "validationCsv", "trainingCsv"] as const)(
    "stops before approval where a row of %s shows what it shows",
    async (other) => {
      const path = workspacePaths(loop.workspace)[other];
      const before = await readFile(holdoutCsv(), "utf8");
      const row = (await readFile(path, "utf8")).split("\n")[1];
      await writeFile(holdoutCsv(), `${before}${row}\n`);
      const { checks, plan } = await again();
      await writeFile(holdoutCsv(), before);
      expect(plan).toBeUndefined();
      const halts = checks.filter(({ outcome }) => outcome === "halt");
      expect(halts.map(({ code }) => code)).toContain("gate.holdout-leakage");
    },
  );
});
