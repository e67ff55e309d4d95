import { readTail } from "../../fs/read.ts";
import { defined } from "../../run/defined.ts";
import type { JobProgress, JobSpec } from "../../run/job.ts";

const tailBytes = 16_384;

/** `Epoch 3:  45%|###  | 9/20 [00:05<00:07, ...]`, as progress bars print it. */
const bar = /(?:([\w ]+?):?\s+)?(\d+)%\|[^|]*\|\s*(\d+)\/(\d+)(?: \[[^<\]]*<((?:\d+:)?\d+:\d+))?/;

/**
 * Progress by the last progress bar in a job's log, for programs that keep no status.json; bars rewrite their line with
 * CR. Undefined while the log shows none.
 */
export async function barProgress(spec: JobSpec): Promise<JobProgress | undefined> {
  if (spec.status_path !== undefined || spec.progress !== undefined) return undefined;
  const lines = (await readTail(spec.log_path, tailBytes)).split(/[\r\n]+/);
  for (const line of lines.reverse()) {
    const [, , , done, all, eta] = bar.exec(line) ?? [];
    if (done === undefined || all === undefined || Number(all) === 0) continue;
    const name = spec.argv.slice(0, 2).join(" ");
    const left = eta?.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    const message = `${name}: ${done} of ${all}`;
    return { fraction: Number(done) / Number(all), message, ...defined({ eta_sec: left }) };
  }
  return undefined;
}
