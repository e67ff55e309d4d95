import { parseJson } from "../../fs/json.ts";
import { linesIn } from "../../fs/lines.ts";
import { membersOf } from "../../run/record.ts";

/** What a TAO task says about itself in status.json, from its last start on (tao-stages 3.1). */
export type TaskStatus = {
  readonly started: boolean;
  /** `Train finished successfully.` was written; the published source never writes a SUCCESS record. */
  readonly finished: boolean;
  /** Message of the first FAILURE line after the start. */
  readonly failure: string | undefined;
  /** A fresh iteration must never resume: its epoch counter would be inherited. */
  readonly resumed_from: string | undefined;
  /** 0-based epochs that have a progress line. */
  readonly epochs: readonly number[];
  /** Validation loss by 0-based epoch, for the epochs that were validated. */
  readonly val_loss: ReadonlyMap<number, number>;
};

export type TaskMode = "train" | "evaluate" | "inference";

/** Goes over quoted texts whole, so that a long line is read once, whatever it holds. */
const textOrNonNumber = /"(?:[^"\\]|\\.)*"|NaN|-?Infinity/g;

type Line = { status?: unknown; message?: unknown; epoch?: unknown; kpi?: unknown };

/**
 * Reads status.json lines from the last `Starting Visual ChangeNet <mode>.` on; a rerun appends to the same file.
 *
 * Broken lines are skipped, `NaN` and `Infinity` are tolerated. Eval lines carry no epoch: each belongs to the next
 * progress line, one after the last progress line to that epoch.
 */
export function parseStatus(text: string, mode: TaskMode): TaskStatus {
  const lines = Array.from(linesIn(text), ([line]) => parseLine(line)).flat();
  const start = lines.findLastIndex(
    (line) => line.status === "STARTED" && messageOf(line) === `Starting Visual ChangeNet ${mode}.`,
  );
  const tail = start < 0 ? [] : lines.slice(start);
  const done = `${mode[0]?.toUpperCase()}${mode.slice(1)} finished successfully.`;
  return {
    started: start >= 0,
    finished: tail.some((line) => messageOf(line) === done || line.status === "SUCCESS"),
    failure: tail.filter((line) => line.status === "FAILURE").map(messageOf)[0],
    resumed_from: tail.flatMap(
      (line) => /^Resuming training from checkpoint: (.*)$/.exec(messageOf(line))?.[1] ?? [],
    )[0],
    ...epochsOf(tail),
  };
}

function epochsOf(lines: readonly Line[]): Pick<TaskStatus, "epochs" | "val_loss"> {
  const epochs: number[] = [];
  const val_loss = new Map<number, number>();
  let waiting: number | undefined;
  for (const line of lines) {
    const message = messageOf(line);
    if (message === "Eval metrics generated.") waiting = valLoss(line) ?? waiting;
    if (message !== "Training loop in progress" || typeof line.epoch !== "number") continue;
    if (epochs.at(-1) !== line.epoch) epochs.push(line.epoch);
    if (waiting !== undefined) val_loss.set(line.epoch, waiting);
    waiting = undefined;
  }
  const last = epochs.at(-1);
  if (waiting !== undefined && last !== undefined && !val_loss.has(last)) val_loss.set(last, waiting);
  return { epochs, val_loss };
}

function valLoss(line: Line): number | undefined {
  const value = Number(membersOf(line.kpi).val_loss);
  return Number.isFinite(value) ? value : undefined;
}

function parseLine(line: string): Line[] {
  try {
    const value = parseJson(line.replaceAll(textOrNonNumber, (found) => (found.startsWith('"') ? found : "null")));
    return typeof value === "object" && value !== null ? [value] : [];
  } catch {
    return [];
  }
}

function messageOf(line: Line): string {
  return typeof line.message === "string" ? line.message : "";
}
