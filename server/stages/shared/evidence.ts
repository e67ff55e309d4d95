import { errnoOf, excerpt, Refusal, type RefusalCode } from "../../errors.ts";
import { canonicalJson } from "../../fs/hash.ts";
import { fileFacts, readTail, readText } from "../../fs/read.ts";
import type { JobOutcome, StageContext } from "../../ports/stage.ts";
import type { JobSpec } from "../../run/job.ts";
import { lastMeaningful, recogniseFailure } from "./known-failures.ts";
import { executionVerdict, logLines } from "./log-marker.ts";
import { parseStatus, type TaskMode, type TaskStatus } from "./status-json.ts";

/** File systems with whole-second times round a new file's time down. */
const clockSlackMs = 1000;

const logEndBytes = 64_000;

/**
 * Proves that every planned job ended well: exit code 0, and for TAO entry points the marker in the log.
 *
 * @throws Refusal `stage.failed`, `stage.evidence-missing`, `executor.*` naming the job and the end of its log.
 */
export async function requireJobs(
  planned: readonly JobSpec[],
  outcomes: readonly JobOutcome[],
  needs: { marker: boolean },
): Promise<void> {
  for (const job of planned) {
    const outcome = outcomes.find(({ spec }) => spec.id === job.id);
    if (!outcome) throw new Refusal("stage.evidence-missing", `Job ${job.id} left no outcome.`, { job: job.id });
    if (!isPlanned(outcome.spec, job)) {
      const facts = { job: job.id, planned: job.argv, recorded: outcome.spec.argv.map((part) => excerpt(part)) };
      throw new Refusal("stage.evidence-missing", `Job ${job.id} is not recorded as it was planned.`, facts);
    }
    await requireExit(outcome);
    await requireVerdict(outcome, needs.marker);
  }
}

/** The time limit may have been revised while the job ran; everything else is as it was planned. */
function isPlanned(recorded: JobSpec, planned: JobSpec): boolean {
  const { time_limit_sec: _then, ...was } = recorded;
  const { time_limit_sec: _now, ...is } = planned;
  return canonicalJson(was) === canonicalJson(is);
}

async function requireExit({ spec, exit }: JobOutcome): Promise<void> {
  if (exit.outcome === "exited" && exit.exit_code === 0) return;
  const ends = {
    cancelled: "executor.cancelled",
    timeout: "executor.timeout",
    lost: "executor.lost-job",
    oom: "job.host-memory",
  } as const;
  const how = exit.outcome === "exited" ? `with exit code ${exit.exit_code ?? "unknown"}` : `as ${exit.outcome}`;
  const code = exit.outcome in ends ? ends[exit.outcome as keyof typeof ends] : undefined;
  throw await failure(spec, `Job ${spec.id} ended ${how}.`, code, { ...exit });
}

/** The refusal of a failed job: under the code of the known failure that its log shows, when it shows one. */
async function failure(
  spec: JobSpec,
  message: string,
  code: RefusalCode | undefined,
  exit: Record<string, unknown>,
): Promise<Refusal> {
  const lines = logLines(await readTail(spec.log_path, logEndBytes));
  const known = recogniseFailure(lines);
  return new Refusal(code ?? known?.code ?? "stage.failed", known ? `${message} Probably ${known.cause}.` : message, {
    job: spec.id,
    ...exit,
    log_path: spec.log_path,
    log_end: lastMeaningful(lines, 8).map((line) => excerpt(line)),
  });
}

async function requireVerdict({ spec }: JobOutcome, needed: boolean): Promise<void> {
  const verdict = executionVerdict(await asEvidence(spec.log_path, () => readText(spec.log_path)));
  if (verdict === "FAIL") {
    throw await failure(spec, `The log of job ${spec.id} says FAIL although it exited 0.`, undefined, {});
  }
  if (needed && verdict === "absent") {
    const facts = { job: spec.id, log_path: spec.log_path };
    throw new Refusal("stage.evidence-missing", `The log of job ${spec.id} holds no PASS marker.`, facts);
  }
}

/** Proves that the task's own status.json, new in this attempt, reports success and no failure. */
export async function requireStatus(context: StageContext, path: string, mode: TaskMode): Promise<TaskStatus> {
  await requireFresh(context, path);
  const status = parseStatus(await readText(path), mode);
  const facts = { status_path: path };
  if (!status.started) throw new Refusal("stage.evidence-missing", `status.json shows no ${mode} start.`, facts);
  if (status.failure !== undefined) {
    const failure = excerpt(status.failure);
    throw new Refusal("stage.failed", `The ${mode} task reported a failure in status.json.`, { ...facts, failure });
  }
  if (!status.finished) {
    throw new Refusal("stage.failed", `The ${mode} task never reported that it finished.`, facts);
  }
  return status;
}

/** Proves that a file exists, is not empty and was written in this attempt. @throws Refusal `stage.evidence-missing`. */
export async function requireFresh(context: StageContext, path: string): Promise<void> {
  const facts = await fileFacts(path);
  if (!facts) throw missing(path, "does not exist");
  if (facts.size_bytes === 0) throw missing(path, "is empty");
  if (!isFresh(context, facts.mtime_ms)) {
    throw missing(path, "is older than this attempt", { written_at: new Date(facts.mtime_ms).toISOString() });
  }
}

/** Whether a modification time lies in this attempt. */
export function isFresh(context: StageContext, mtimeMs: number): boolean {
  return mtimeMs >= Date.parse(context.startedAt) - clockSlackMs;
}

/** The refusal of an artifact that is not what a finished job leaves. */
export function missing(path: string, why: string, facts: Record<string, unknown> = {}): Refusal {
  return new Refusal("stage.evidence-missing", `Evidence ${why}: ${path}`, { path, ...facts });
}

/** Reads an artifact of a job: what would be bad input from a person is missing evidence from a job. */
export async function asEvidence<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const refusal = error instanceof Refusal ? error : undefined;
    if (refusal?.ofInstallation ?? errnoOf(error) === undefined) throw error;
    const facts = refusal !== undefined ? { reason: refusal.code, ...refusal.facts } : { reason: errnoOf(error) };
    throw new Refusal(
      "stage.evidence-missing",
      `Evidence cannot be used: ${path}`,
      { ...facts, path },
      { cause: error },
    );
  }
}
