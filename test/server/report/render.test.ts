import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { renderReport } from "../../../server/report/render.ts";
import { partImage } from "../../support/board-images.ts";
import { type FinishedRun, finishedRun } from "../../support/finished-run.ts";

const clock = { now: () => new Date("2026-11-21T11:00:00Z") };
const runs: FinishedRun[] = [];

async function aRun(wish?: Parameters<typeof finishedRun>[0]): Promise<FinishedRun> {
  const run = await finishedRun(wish);
  runs.push(run);
  return run;
}

async function rendered(run: FinishedRun) {
  const result = await renderReport(run.runDir, { clock });
  return { ...result, html: await readFile(result.report_path, "utf8") };
}

afterEach(async () => {
  for (const run of runs.splice(0)) await run.remove();
});

describe("the report of a finished run", () => {
  it("carries the headings that the published checks look for", async () => {
    const { html, bytes } = await rendered(await aRun());
    for (const required of [
      "DEFT Loop Final Report",
      "Run Configuration &amp; Outcome",
      "Training Set Growth",
      "Progress Overview",
      "Per-Iteration Results",
      "Final Status",
      "--nvidia-green: #76b900",
    ]) {
      expect(html).toContain(required);
    }
    expect(html).not.toMatch(/not met/i);
    expect(html).not.toMatch(/\{\{\s*\w+\s*\}\}/);
    expect(bytes).toBe(Buffer.byteLength(html));
  });

  it("states the gap in percentage points, the engine, the platform and how the plan was approved", async () => {
    const { html } = await rendered(await aRun());
    expect(html).toContain("2.60 pp from target");
    expect(html).toContain("deft-mcp embedded engine 0.1.0");
    expect(html).toContain("They say nothing about how TAO Visual ChangeNet does");
    expect(html).toContain("asked by the server and accepted in the client");
  });

  it("says MET only when the recomputed verdict does, whatever the state claims", async () => {
    const met = await rendered(await aRun({ far_pct: [5, 0.3] }));
    expect(met.html).toContain('<span class="pill met" data-outcome="met">MET</span>');
    const claimed = await aRun({
      change: (state) => {
        for (const iteration of Object.values(state.iterations)) {
          if (iteration.metric_result) iteration.metric_result.passed = true;
        }
      },
    });
    expect((await rendered(claimed)).html).not.toContain("pill met");
  });

  it("comes out the same byte for byte when rendered again", async () => {
    const run = await aRun();
    expect((await rendered(run)).html).toBe((await rendered(run)).html);
  });

  it("opens with the tampering when the digest chain does not hold", async () => {
    const run = await aRun();
    const path = join(run.runDir, "deft_state.json");
    await writeFile(path, (await readFile(path, "utf8")).replace('"far_pct": 52', '"far_pct": 5'));
    const { html } = await rendered(run);
    const alarm = html.indexOf("edited behind the server");
    expect(alarm).toBeGreaterThan(0);
    expect(alarm).toBeLessThan(html.indexOf("<main"));
    expect(html).toContain("deft_state.json was edited");
    expect(html).toContain("baseline: the state records FAR 5%, but its scores give 52% at threshold 0.3.");
    expect((await rendered(await aRun())).html).toContain("The digest chain of state and log holds.");
  });
});

describe("the report of a run that lacks something", () => {
  it("is rendered for an empty directory and names both files", async () => {
    const run = await aRun();
    await rm(run.runDir, { recursive: true });
    await mkdir(run.runDir, { recursive: true });
    const { warnings, html } = await rendered(run);
    expect(warnings.join(" ")).toContain("deft_state.json is missing");
    expect(warnings.join(" ")).toContain("loop_log.jsonl is missing");
    expect(html).toContain("Not everything is on disk");
  });

  it("names a broken state and broken log lines and shows the rest", async () => {
    const run = await aRun();
    await writeFile(join(run.runDir, "deft_state.json"), '{"version": 2, ');
    await writeFile(join(run.runDir, "loop_log.jsonl"), `${JSON.stringify(run.log[0])}\n{"seq": 2\n`);
    const { warnings, html } = await rendered(run);
    expect(warnings).toContain("deft_state.json is not valid JSON: target, plan and figures cannot be shown.");
    expect(warnings).toContain("loop_log.jsonl: line 2 cannot be read and is left out.");
    expect(html).toContain("train of baseline");
  });

  it("leaves out only the malformed field of an iteration", async () => {
    const run = await aRun();
    const state = structuredClone(run.state) as unknown as { iterations: { iter1: Record<string, unknown> } };
    state.iterations.iter1.threshold = "high";
    await writeFile(join(run.runDir, "deft_state.json"), JSON.stringify(state));
    const { warnings, html } = await rendered(run);
    expect(warnings).toContain("deft_state.json: iter1: threshold is malformed and left out.");
    expect(html).toContain("12.50%");
  });

  it("keeps hostile text from becoming markup or turning the line around", async () => {
    const hostile = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202e';
    const run = await aRun({
      change: (state) => {
        state.hard_stop = {
          code: "gate.silent-drop",
          message: hostile,
          iteration: "iter1",
          stage: hostile,
          at: "2026-11-21T09:30:00+00:00",
          facts: {},
        };
        state.kpi_target = hostile;
        const [approval] = state.approvals;
        if (approval) approval.words = hostile;
      },
    });
    const { html } = await rendered(run);
    expect(html).not.toContain("<script>alert");
    expect(html).not.toContain("<img src=x");
    expect(html).toContain("<bdi>&lt;script&gt;alert(1)");
  });

  it("shows an iteration that failed half way with what it has", async () => {
    const run = await aRun({
      change(state, log) {
        const { iter2 } = state.iterations as Record<string, Record<string, unknown>>;
        for (const name of ["metric_result", "far_pct", "threshold", "inference_csv", "provenance_csv"])
          delete iter2?.[name];
        Object.assign(iter2 ?? {}, { status: "failed", stage_completed: "data_mining" });
        state.status = "failed";
        log.splice(-3);
      },
    });
    const { html, warnings } = await rendered(run);
    expect(warnings).toEqual([]);
    expect(html).toContain("12.00 pp from target");
    expect(html).toContain("failed, after <bdi>data_mining</bdi>");
    expect(html).toContain("STOPPED");
  });

  it("reads a run where it lies now after it was moved", async () => {
    const run = await aRun();
    const moved = `${run.workspace}-moved`;
    await rename(run.workspace, moved);
    try {
      const { warnings } = await renderReport(join(moved, "results", "run_20261121_090000"), { clock });
      expect(warnings).toEqual([]);
    } finally {
      await rename(moved, run.workspace);
    }
  });

  it("shows a run of the vendor's newer schema from its events and does not claim a digest chain", async () => {
    const run = await aRun();
    const { plan: _plan, approvals: _approvals, integrity: _integrity, ...state } = run.state;
    await writeFile(join(run.runDir, "deft_state.json"), JSON.stringify({ ...state, version: 4, events: run.log }));
    await rm(join(run.runDir, "loop_log.jsonl"));
    const { html, warnings } = await rendered(run);
    expect(warnings).toEqual([
      "deft_state.json has version 4, written by another program; shown as far as it is understood.",
    ]);
    expect(html).toContain("train of baseline");
    expect(html).toContain("Not known: the run carries no digest chain");
  });

  it("reads no image from outside the run, its workspace and its images root", async () => {
    const run = await aRun();
    const path = join(run.runDir, "iter2", "inference", "best_val", "inference.csv");
    const outside = await mkdtemp(join(tmpdir(), "deft-outside-"));
    try {
      await writeFile(join(outside, "C0_SolderLight.jpg"), partImage(0));
      await writeFile(
        path,
        `input_path,golden_path,label,object_name,siamese_score\n${outside},${outside},missing,C0,0.9\n`,
      );
      const { html } = await rendered(run);
      expect(html).toContain("image not readable");
      expect(html).not.toContain('data-pair="real"');
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });
});

describe("the size of the report", () => {
  it("stays below 2 MB with 30,000 KPI parts and 500 defect types in every iteration", async () => {
    const defects = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`type_${at}`, 2]));
    const { bytes } = await rendered(await aRun({ far_pct: [9, 1, 2], pass_rows: 30_000, defects }));
    expect(bytes).toBeLessThan(2_000_000);
  });
});
