import { join } from "node:path";
import { workFiles } from "../durable/work.ts";
import { Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import type { Call } from "../ports/call.ts";
import { locateWorkflow } from "./locate.ts";
import { readStatus, type StatusReport } from "./status.ts";
import { recordsDir } from "./submissions.ts";

export type WatchLine = { readonly at: string; readonly status: string; readonly status_line: string };

export type WatchOptions = {
  /** Seconds between looks; without it the flow's own pace. */
  readonly every_sec: number | undefined;
  sleep(seconds: number): Promise<void>;
  onChange(line: WatchLine): void;
};

/** The stem of what a watch leaves beside the submit records: the last look, its claim and what it printed. */
export async function watchStem(
  env: Readonly<Record<string, string | undefined>>,
  workflowId: string,
): Promise<string> {
  const dir = join(recordsDir(env), "watch");
  await makeDirectory(dir, 0o700);
  return join(dir, workflowId);
}

/** Looks that may fail in a row, for a service that restarts or a laptop that sleeps, before the watch gives up. */
const patience = 20;
const pauseSec = 60;

/**
 * Looks at one workflow until it ends, and keeps the last look in `watch/<workflow id>.json` beside the submit records.
 * Only changes are told. A look that fails is no reason to act: it is tried again.
 */
export async function watchWorkflow(call: Call, run: string | undefined, options: WatchOptions): Promise<StatusReport> {
  const { workflow_id } = await locateWorkflow(call.deps.env, run);
  const { record } = workFiles(await watchStem(call.deps.env, workflow_id));
  let told = "";
  let failures = 0;
  for (;;) {
    const report = await lookOnce(call, workflow_id, ++failures);
    if (report) {
      failures = 0;
      const at = call.deps.clock.now().toISOString();
      const line = { at, status: report.status, status_line: report.status_line };
      await writeAtomic(record, `${JSON.stringify({ ...line, ...report }, null, 2)}\n`, 0o600);
      if (report.status_line !== told) options.onChange(line);
      told = report.status_line;
      if (report.terminal) return report;
    }
    await options.sleep(options.every_sec ?? (report ? (report.next_look_sec ?? pauseSec) : pauseSec));
  }
}

async function lookOnce(call: Call, run: string, attempt: number): Promise<StatusReport | undefined> {
  try {
    return await readStatus(call, { run });
  } catch (error) {
    const passing = error instanceof Refusal && ["osmo.unavailable", "osmo.timeout"].includes(error.code);
    if (passing && attempt < patience) return undefined;
    throw error;
  }
}
