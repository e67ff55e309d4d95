import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { Call } from "../../server/ports/call.ts";
import { renderReport } from "../../tools/render-report.ts";
import { type FinishedRun, finishedRun } from "../support/finished-run.ts";
import { refusalOf } from "../support/refusal.ts";

const runs: FinishedRun[] = [];

afterEach(async () => {
  for (const run of runs.splice(0)) await run.remove();
});

async function call(run: FinishedRun, input: Record<string, unknown>) {
  const fixed = { clock: { now: () => new Date("2026-11-21T11:00:00Z") }, ids: { hex: () => "0" } };
  const context: Call = {
    deps: { ...fixed, env: {}, cwd: run.workspace, executors: {} },
    signal: new AbortController().signal,
    human: { canAsk: false, ask: async () => ({ action: "decline" }) },
    client: "test",
    connection: { shownPlans: new Set(), notes: new Map() },
    progress: () => undefined,
  };
  const output = await renderReport.handle(renderReport.input.parse(input), context);
  return renderReport.output.parse(output) as { status_line: string; report_path: string; bytes: number };
}

async function aRun(): Promise<FinishedRun> {
  const run = await finishedRun({ pass_rows: 20, far_pct: [10, 5] });
  runs.push(run);
  return run;
}

describe("render_report", () => {
  it("renders the newest run of the workspace and says where, how large and under which address", async () => {
    const run = await aRun();
    const result = await call(run, { workspace: run.workspace, trigger: "loop-end" });
    expect(result).toMatchObject({ report_uri: "deft://run/run_20261121_090000/report", warnings: [] });
    expect(result.status_line).toContain(result.report_path);
    expect((await readFile(result.report_path)).byteLength).toBe(result.bytes);
  });

  it("gives the same file when it is called again", async () => {
    const run = await aRun();
    const first = await call(run, { run: run.runDir });
    const before = await readFile(first.report_path, "utf8");
    expect(await call(run, { run: run.runDir })).toEqual(first);
    expect(await readFile(first.report_path, "utf8")).toBe(before);
  });

  it("refuses a run that is not there", async () => {
    const run = await aRun();
    expect((await refusalOf(() => call(run, { workspace: run.workspace, run: "run_x" }))).code).toBe("input.no-run");
  });
});
