import { basename } from "node:path";
import { readBytes } from "../fs/read.ts";
import type { Env } from "../run/env.ts";
import { runPaths } from "../run/paths.ts";
import { redactor } from "../run/redact.ts";
import type { RunState } from "../run/state.ts";
import { keyOf, metricsOf, paramsOf, tagsOf } from "./facts.ts";
import { type Mlflow, mlflowAt, TrackerError } from "./mlflow-client.ts";

/** The loop goes on without the tracker after this, ms. */
const patienceMs = 15_000;
const largestArtifact = 64 * 1024 * 1024;
/** What one `log-batch` takes. */
const batch = { metrics: 900, params: 90, tags: 90 };

type TrackedRun = {
  readonly info: { readonly run_id: string; readonly artifact_uri: string };
  readonly data?: { readonly params?: readonly { key: string }[]; readonly metrics?: readonly LastMetric[] };
};
type LastMetric = { readonly key: string; readonly step?: number | string };

/**
 * Sends what a run has come to so far to the MLflow server of DEFT_MLFLOW_TRACKING_URI: parameters, a step of metrics an
 * iteration, state, log and report. A run is found again by a tag, so that nothing is there twice.
 *
 * @returns a warning when that did not work; a tracker that is down never stops a loop.
 */
export async function trackRun(runDir: string, state: RunState, env: Env): Promise<string | undefined> {
  const base = env.DEFT_MLFLOW_TRACKING_URI;
  if (!base) return undefined;
  try {
    if (!/^https?:\/\//.test(base)) throw new Error("only http and https are spoken");
    const mlflow = mlflowAt(base, env, AbortSignal.timeout(patienceMs));
    const run = await findOrCreate(mlflow, runDir, state, env.DEFT_MLFLOW_EXPERIMENT || "deft-aoi");
    await logFacts(mlflow, run, runDir, state);
    const stored = await uploadFiles(mlflow, run, runDir);
    await mlflow.ask("POST", "runs/update", { run_id: run.info.run_id, ...ending(state) });
    return stored
      ? undefined
      : "MLflow keeps artifacts where only its own client writes: figures went there, files did not";
  } catch (error) {
    const why =
      error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
    return redactor(env)(`MLflow was not told of this run's figures (${why}); the next iteration tries again`);
  }
}

function ending({ status, completed_at }: RunState): Record<string, unknown> {
  if (completed_at === undefined) return { status: "RUNNING" };
  return { status: status === "complete" ? "FINISHED" : "FAILED", end_time: Date.parse(completed_at) };
}

async function findOrCreate(mlflow: Mlflow, runDir: string, state: RunState, name: string): Promise<TrackedRun> {
  const experiment_id = await experimentOf(mlflow, name);
  const filter = `tags.\`deft.run\` = '${keyOf(runDir, state)}'`;
  const { runs } = await mlflow.ask("POST", "runs/search", { experiment_ids: [experiment_id], filter, max_results: 1 });
  const [found] = (runs ?? []) as TrackedRun[];
  if (found !== undefined) return found;
  const { run } = await mlflow.ask("POST", "runs/create", {
    experiment_id,
    run_name: basename(runDir),
    start_time: Date.parse(state.started_at),
    tags: tagsOf(runDir, state),
  });
  return run as TrackedRun;
}

async function experimentOf(mlflow: Mlflow, name: string): Promise<string> {
  const named = () => mlflow.ask("GET", "experiments/get-by-name", { experiment_name: name });
  const idOf = ({ experiment }: Record<string, unknown>) => (experiment as { experiment_id: string }).experiment_id;
  try {
    return idOf(await named());
  } catch (error) {
    if (!(error instanceof TrackerError) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
  }
  try {
    return String((await mlflow.ask("POST", "experiments/create", { name })).experiment_id);
  } catch (error) {
    // Another run made it meanwhile.
    if (!(error instanceof TrackerError) || error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
    return idOf(await named());
  }
}

/** Logs what the tracker does not have yet: there a parameter never changes, and a step that came twice shows twice. */
async function logFacts(mlflow: Mlflow, { info, data }: TrackedRun, runDir: string, state: RunState): Promise<void> {
  const { run_id } = info;
  const known = new Set((data?.params ?? []).map(({ key }) => key));
  const last = new Map((data?.metrics ?? []).map(({ key, step }) => [key, Number(step ?? 0)]));
  const params = paramsOf(state).filter(({ key }) => !known.has(key));
  const metrics = metricsOf(state).filter(({ key, step }) => step > (last.get(key) ?? -1));
  const tags = tagsOf(runDir, state);
  const rounds = Math.max(1, Math.ceil(metrics.length / batch.metrics), Math.ceil(params.length / batch.params));
  const part = <T>(all: readonly T[], size: number, round: number) => all.slice(round * size, (round + 1) * size);
  for (let round = 0; round < rounds; round += 1) {
    await mlflow.ask("POST", "runs/log-batch", {
      run_id,
      metrics: part(metrics, batch.metrics, round),
      params: part(params, batch.params, round),
      tags: part(tags, batch.tags, round),
    });
  }
}

/** The files that say what the figures are; false where the tracker's store takes none from us. */
async function uploadFiles(mlflow: Mlflow, { info }: TrackedRun, runDir: string): Promise<boolean> {
  const { state, log, report, bestModel } = runPaths(runDir);
  for (const path of [state, log, report, bestModel]) {
    const bytes = await readIfSmall(path);
    if (bytes !== undefined && !(await mlflow.upload(info.artifact_uri, basename(path), bytes))) return false;
  }
  return true;
}

async function readIfSmall(path: string): Promise<Buffer | undefined> {
  try {
    return await readBytes(path, largestArtifact);
  } catch {
    return undefined;
  }
}
