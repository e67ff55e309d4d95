import { appendFile, chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { kindOf } from "../../../../server/fs/read.ts";
import { commitState, readRun, withRun } from "../../../../server/journal/journal.ts";
import type { MetricContract } from "../../../../server/run/metric.ts";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";
import { type ToolClient, toolClient } from "../../../support/tool-client.ts";

let loop: TinyLoop;
let client: ToolClient;
let go: string;
let asked: string;

beforeAll(async () => {
  loop = await tinyLoop("baseline-train");
});
afterAll(() => loop?.remove());
afterEach(() => client?.close());

/** A run whose metric a program measures that waits for a file called `go` and notes when it is asked. */
beforeEach(async () => {
  await loop.backTo("baseline-train");
  client = await toolClient(loop.deps());
  [go, asked] = [join(loop.workspace, "go"), join(loop.workspace, "asked")];
  const path = join(loop.workspace, "evaluate.sh");
  const result = JSON.stringify({ name: "escape_cost", value: 3, unit: "EUR", constraints: {} });
  const waits = `echo "$2" >> ${asked}; while [ ! -e ${go} ]; do sleep 0.05; done; printf '%s' '${result}' > "$4"`;
  await writeFile(path, `#!/bin/sh\n${waits}\n`);
  await chmod(path, 0o755);
  const contract: MetricContract = {
    name: "escape_cost",
    display_name: "Escape cost",
    operator: "<",
    target: 5,
    unit: "EUR",
    evaluator: { type: "command", path, args: [] },
    constraints: [],
  };
  await withRun(loop.runDir, (run) => commitState(run, { ...run.state, metric_contract: contract }));
});

const evaluateFor = (seconds: number) => client.result("run_stage", { run: loop.runDir, wait_seconds: seconds });
const askedFor = async () => (await readFile(asked, "utf8").catch(() => "")).trim().split("\n").filter(Boolean);

async function until(isSo: () => Promise<boolean>, otherwise: string): Promise<void> {
  for (let looks = 0; !(await isSo()); looks++) {
    if (looks > 500) throw new Error(otherwise);
    await sleep(20);
  }
}

const untilAsked = () => until(async () => (await askedFor()).length > 0, "the program was never asked");

/** Whoever waited first commits, perhaps before this call looks: it is then told that nothing is left, or that the run has stopped. */
async function untilCommitted() {
  const answers: unknown[] = [];
  const isCommitted = async () => {
    const { entries, state } = await readRun(loop.runDir);
    return entries.some(({ stage }) => stage === "evaluate") || state.hard_stop !== undefined;
  };
  for (let tries = 0; !(await isCommitted()) && tries < 5; tries++) {
    const answer = await client.call("run_stage", { run: loop.runDir, wait_seconds: 20 });
    answers.push(answer.ok ? answer.result.outcome : answer.code);
  }
  // Whoever commits gives its claim back last; the next test puts the run back.
  const claim = join(loop.runDir, "jobs", "baseline-evaluate-1.claim");
  await until(async () => (await kindOf(claim)) === "absent", "the claim was never given back");
  return answers;
}

describe("a metric that a program of the user's measures", () => {
  it("blocks nobody while the program hangs, is asked for once, and is committed when it answers", async () => {
    const first = await evaluateFor(2);
    expect(first).toMatchObject({ outcome: "running", stage: "evaluate" });
    await untilAsked();
    // Whoever waited for the program would wait for ever: nothing lets it answer before these are answered.
    expect(await client.result("loop_status", { run: loop.runDir })).toMatchObject({ next_action: expect.any(String) });
    const other = await toolClient(loop.deps());
    expect(await other.result("run_stage", { run: loop.runDir, wait_seconds: 1 })).toMatchObject({
      outcome: "running",
    });
    await other.close();
    expect(await withRun(loop.runDir, async () => "free")).toBe("free");
    await writeFile(go, "");
    const answers = await untilCommitted();
    expect(["committed", "stage.out-of-order", undefined]).toContain(answers.at(-1));
    const { entries, state } = await readRun(loop.runDir);
    expect(entries.map(({ stage }) => stage)).toEqual(["train", "evaluate"]);
    expect(state.iterations.baseline?.metric_result).toMatchObject({ value: 3, unit: "EUR", passed: true });
    const scored = await askedFor();
    expect(scored.length).toBe(new Set(scored).size);
  });

  it("counts for the very inference that the program was shown", async () => {
    await evaluateFor(1);
    await untilAsked();
    const [csv = ""] = await askedFor();
    await appendFile(csv, " \n");
    await writeFile(go, "");
    await untilCommitted();
    expect((await readRun(loop.runDir)).state.hard_stop?.code).toBe("stage.evidence-missing");
  });
});
