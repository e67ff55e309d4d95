import { Refusal } from "../../errors.ts";
import { kindOf, listNames, readTail } from "../../fs/read.ts";
import { defined } from "../../run/defined.ts";
import { fourDigits } from "../../run/figures.ts";
import type { JobProgress, JobSpec } from "../../run/job.ts";

const tailBytes = 32_768;

/**
 * Where a running job stands: epoch and ETA from the backend's status.json, else how many of the expected files or
 * lines are there, else the last line of its log.
 */
export async function readProgress(spec: JobSpec): Promise<JobProgress> {
  const name = spec.argv.slice(0, 2).join(" ");
  try {
    const found = await progressOf(spec, name);
    if (found !== undefined) return found;
  } catch (error) {
    // The job makes these files meanwhile: what was not there when it was looked at may be a directory when it is read.
    if (!(error instanceof Refusal)) throw error;
  }
  return { message: `${name} is running` };
}

async function progressOf(spec: JobSpec, name: string): Promise<JobProgress | undefined> {
  if (spec.status_path !== undefined) {
    const tail = await readTail(spec.status_path, tailBytes);
    const found = newest(tail, "Task in progress") ? taskProgress(tail) : trainingProgress(tail);
    if (found) return found;
  }
  if (spec.progress !== undefined) {
    const { path, expected } = spec.progress;
    const done = Math.min(await countAt(path), expected);
    return { fraction: expected === 0 ? 0 : done / expected, message: `${name}: ${done} of ${expected}` };
  }
  return undefined;
}

const marks = ["Task in progress", "Training loop in progress", "finished successfully"];

/** Whether no other kind of line came after the last one of this kind. */
function newest(tail: string, mark: string): boolean {
  const line = tail.split("\n").findLast((text) => marks.some((one) => text.includes(one)));
  return line?.includes(mark) ?? false;
}

/** Where the embedded engine is in what it does before it trains or scores: so many of so many. */
function taskProgress(tail: string): JobProgress | undefined {
  const line = tail.split("\n").findLast((text) => text.includes("Task in progress"));
  const [done, total] = [numberIn(line ?? "", "done"), numberIn(line ?? "", "total")];
  if (line === undefined || done === undefined || !total) return undefined;
  const what = /"what":\s*"([\w -]{1,40})"/.exec(line)?.[1] ?? "task";
  return { fraction: done / total, message: `${what}: ${done} of ${total}`, ...defined({ eta_sec: etaIn(line) }) };
}

/** Progress of the newest `Training loop in progress` line (tao-stages 3.1): epochs are counted from 0. */
function trainingProgress(tail: string): JobProgress | undefined {
  const line = tail.split("\n").findLast((text) => text.includes("Training loop in progress"));
  if (line === undefined) return undefined;
  const epoch = numberIn(line, "epoch");
  const last = numberIn(line, "max_epoch");
  if (epoch === undefined || last === undefined) return undefined;
  const eta_sec = etaIn(line);
  const fraction = (epoch + 1) / (last + 1);
  const loss = lastLoss(tail);
  const message = `epoch ${epoch + 1} of ${last + 1}${loss === undefined ? "" : `, loss ${loss}`}`;
  return { fraction, message, ...defined({ eta_sec }) };
}

/** Seconds of Python's timedelta. */
function etaIn(line: string): number | undefined {
  const eta = /"eta":\s*"(?:(\d+) days?, )?(\d+):(\d+):(\d+)/.exec(line);
  if (eta === null) return undefined;
  return Number(eta[1] ?? 0) * 86_400 + Number(eta[2]) * 3600 + Number(eta[3]) * 60 + Number(eta[4]);
}

/** The newest validation loss, else the newest training loss, that the backend reported; four digits. */
function lastLoss(tail: string): string | undefined {
  for (const name of ["val_loss", "train_loss"]) {
    const found = [...tail.matchAll(new RegExp(`"${name}":\\s*([-+.\\deE]+)`, "g"))].at(-1)?.[1];
    if (found !== undefined && Number.isFinite(Number(found))) return fourDigits(Number(found));
  }
  return undefined;
}

function numberIn(line: string, key: string): number | undefined {
  const found = new RegExp(`"${key}":\\s*(\\d+)`).exec(line)?.[1];
  return found === undefined ? undefined : Number(found);
}

async function countAt(path: string): Promise<number> {
  // A directory without an entry yet is a directory all the same.
  if ((await kindOf(path)) === "directory") return (await listNames(path)).length;
  return (await readTail(path, 1 << 20)).split("\n").length - 1;
}
