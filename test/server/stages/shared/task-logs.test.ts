import { describe, expect, it } from "@jest/globals";
import { type Checkpoint, candidatesOf } from "../../../../server/stages/shared/checkpoints.ts";
import { executionVerdict, logLines } from "../../../../server/stages/shared/log-marker.ts";
import { parseStatus } from "../../../../server/stages/shared/status-json.ts";

const colour = String.fromCharCode(27);

describe("the log of a task", () => {
  it.each([
    ["Execution status: PASS\n", "PASS"],
    [`\r${colour}[38;20m2026 - [TAO Toolkit] - INFO - Execution status: PASS (entrypoint.py:1)${colour}[0m\r`, "PASS"],
    ["Execution status: PASS\rExecution status: FAIL\r", "FAIL"],
    ["Execution status: FAIL\rExecution status: PASS\r", "FAIL"],
    ["Telemetry data couldn't be sent, but the command ran successfully.", "absent"],
    ["", "absent"],
  ])("%j says %s", (text, verdict) => {
    expect(executionVerdict(text)).toBe(verdict);
  });

  it("is split at carriage returns and loses its colours", () => {
    expect(logLines(`a\rb\r\n${colour}[31mc${colour}[0m\n\n`)).toEqual(["a", "b", "c"]);
  });
});

const status = (...lines: (object | string)[]) =>
  lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
const started = { status: "STARTED", message: "Starting Visual ChangeNet train." };
const finished = { status: "RUNNING", message: "Train finished successfully." };
const evaluated = (val_loss: number) => ({ status: "RUNNING", message: "Eval metrics generated.", kpi: { val_loss } });
const epoch = (number: number) => ({
  status: "RUNNING",
  message: "Training loop in progress",
  epoch: number,
  kpi: { val_loss: 9 },
});

describe("status.json", () => {
  it("counts from the last start on", () => {
    const text = status(started, { status: "FAILURE", message: "old" }, started, finished);
    expect(parseStatus(text, "train")).toMatchObject({ started: true, finished: true, failure: undefined });
    expect(parseStatus(status(started, finished, started), "train").finished).toBe(false);
    expect(parseStatus(text, "inference").started).toBe(false);
  });

  it("gives each validation loss to the epoch line that follows, never a repeated one", () => {
    const text = status(
      started,
      evaluated(0.5),
      epoch(0),
      epoch(1),
      evaluated(0.4),
      epoch(2),
      evaluated(0.3),
      finished,
    );
    const { val_loss, epochs } = parseStatus(text, "train");
    expect(epochs).toEqual([0, 1, 2]);
    expect([...val_loss]).toEqual([
      [0, 0.5],
      [2, 0.4],
    ]);
    expect([...parseStatus(status(started, epoch(0), evaluated(0.3)), "train").val_loss]).toEqual([[0, 0.3]]);
  });

  it("reads past broken lines and bare NaN", () => {
    const text = status(
      started,
      '{"status": "RUN',
      '{"status": "RUNNING", "kpi": {"val_loss": NaN}, "message": "x"}',
      finished,
    );
    expect(parseStatus(text, "train").finished).toBe(true);
  });

  it("takes a SUCCESS record as the end, too", () => {
    expect(parseStatus(status(started, { status: "SUCCESS" }), "train").finished).toBe(true);
  });
});

describe("the candidate checkpoints", () => {
  const saved = (number: number): Checkpoint => ({
    path: `/${number}`,
    epoch: number,
    step: 1,
    size_bytes: 1,
    mtime_ms: 0,
    ino: number,
  });
  const losses = (...pairs: [number, number][]) => new Map(pairs);

  it.each([
    ["the lowest loss wins", [4, 9], losses([4, 0.5], [9, 0.7]), "/4"],
    ["the later epoch wins a tie", [4, 9], losses([4, 0.5], [9, 0.5]), "/9"],
    ["an epoch that was not saved is no candidate", [4, 9], losses([2, 0.1], [9, 0.5]), "/9"],
    ["without validation there is only the latest", [4, 9], losses(), undefined],
  ] as const)("%s", (_, epochs, valLoss, best) => {
    const found = candidatesOf(epochs.map(saved), valLoss);
    expect(found?.best_val?.path).toBe(best);
    expect(found?.latest.path).toBe("/9");
  });

  it("are none without a checkpoint", () => {
    expect(candidatesOf([], losses([4, 0.1]))).toBeUndefined();
  });
});
