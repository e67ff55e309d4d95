import { kindOf, listNames, readTail } from "../../fs/read.ts";
import { defined } from "../../run/defined.ts";
import type { JobProgress, JobSpec } from "../../run/job.ts";

const tailBytes = 32_768;

/**
 * Where a running job stands: epoch and ETA from the backend's status.json, else how many of the expected files or
 * lines are there, else the last line of its log.
 */
export async function readProgress(spec: JobSpec): Promise<JobProgress> {
  const name = spec.argv.slice(0, 2).join(" ");
  if (spec.status_path !== undefined) {
    const training = trainingProgress(await readTail(spec.status_path, tailBytes));
    if (training) return training;
  }
  if (spec.progress !== undefined) {
    const { path, expected } = spec.progress;
    const done = Math.min(await countAt(path), expected);
    return { fraction: expected === 0 ? 0 : done / expected, message: `${name}: ${done} of ${expected}` };
  }
  return { message: `${name} is running` };
}

/** Progress of the newest `Training loop in progress` line (tao-stages 3.1): epochs are counted from 0. */
function trainingProgress(tail: string): JobProgress | undefined {
  const line = tail.split("\n").findLast((text) => text.includes("Training loop in progress"));
  if (line === undefined) return undefined;
  const epoch = numberIn(line, "epoch");
  const last = numberIn(line, "max_epoch");
  if (epoch === undefined || last === undefined) return undefined;
  const eta = /"eta":\s*"(?:(\d+) days?, )?(\d+):(\d+):(\d+)/.exec(line);
  const eta_sec = eta
    ? Number(eta[1] ?? 0) * 86_400 + Number(eta[2]) * 3600 + Number(eta[3]) * 60 + Number(eta[4])
    : undefined;
  const fraction = (epoch + 1) / (last + 1);
  const message = `epoch ${epoch + 1} of ${last + 1}`;
  return { fraction, message, ...defined({ eta_sec }) };
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
