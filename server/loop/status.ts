import { fileFacts } from "../fs/read.ts";
import { type Run, readRun } from "../journal/journal.ts";
import type { Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { progressText } from "../run/figures.ts";
import { runPaths } from "../run/paths.ts";
import { readProgress } from "../stages/shared/progress.ts";
import { executorOf } from "./running/advance.ts";
import { latestAttempt, readRecord } from "./running/attempts.ts";
import { type NextAction, nextAction } from "./transitions.ts";

export type RunningJob = {
  readonly id: string;
  readonly message: string;
  readonly fraction?: number;
  readonly log_path: string;
};

export type LoopStatus = {
  readonly run: Run;
  readonly next: NextAction;
  readonly running: RunningJob | undefined;
  readonly report: "current" | "stale" | "absent";
  readonly reportPath: string;
};

/** Where a run stands, from disk alone; changes nothing and takes no lock. */
export async function loopStatus(runDir: string, deps: Deps): Promise<LoopStatus> {
  const run = await readRun(runDir, deps);
  const next = nextAction(run.state);
  const reportPath = runPaths(runDir).report;
  return { run, next, running: await runningJob(run, next, deps), report: await reportAge(runDir), reportPath };
}

async function runningJob(run: Run, next: NextAction, deps: Deps): Promise<RunningJob | undefined> {
  if (next.action !== "run_stage") return undefined;
  const attempt = await latestAttempt(run.runDir, next.iteration, next.stage);
  if (attempt === undefined || attempt.finished !== undefined) return undefined;
  const executor = await executorOf(run, deps);
  for (const id of attempt.jobs ?? []) {
    const record = await readRecord(run.runDir, id);
    if (record.exit !== undefined || record.handle === undefined) continue;
    if ((await executor.poll(run.runDir, record)).state === "ended") continue;
    const progress = (await executor.progress?.(run.runDir, record)) ?? (await readProgress(record.spec));
    const { fraction } = progress;
    return { id, message: progressText(progress), log_path: record.spec.log_path, ...defined({ fraction }) };
  }
  return undefined;
}

async function reportAge(runDir: string): Promise<LoopStatus["report"]> {
  const paths = runPaths(runDir);
  const report = await fileFacts(paths.report);
  if (report === undefined) return "absent";
  const log = await fileFacts(paths.log);
  return log !== undefined && log.mtime_ms > report.mtime_ms ? "stale" : "current";
}
