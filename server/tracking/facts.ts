import { basename } from "node:path";
import { sha256 } from "../fs/hash.ts";
import { isIterationLabel, iterationNumber } from "../run/labels.ts";
import type { RunState } from "../run/state.ts";

export type Metric = {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
};
export type Pair = { readonly key: string; readonly value: string };

/** What a tracker takes at most of one value; MLflow's own limits. */
const mostChars = { param: 6000, tag: 5000 };

/** Every figure of every scored iteration, at the step of its number; the baseline is step 0. Equal states give equal figures. */
export function metricsOf(state: RunState): Metric[] {
  return Object.entries(state.iterations).flatMap(([label, iteration]) => {
    const { metric_result: metric } = iteration;
    if (metric === undefined || !isIterationLabel(label)) return [];
    const step = iterationNumber(label);
    const figures: Record<string, unknown> = {
      far_pct: iteration.far_pct,
      threshold: iteration.threshold,
      val_loss: iteration.val_loss,
      [metric.name]: metric.value,
      metric_passed: metric.passed ? 1 : 0,
      ...metric.constraints,
      ...metric.diagnostics,
      ...metric.counts,
      ...iteration.ledger,
    };
    const timestamp = Date.parse(state.started_at) + step;
    return Object.entries(figures).flatMap(([key, value]) =>
      typeof value === "number" && Number.isFinite(value) ? [{ key, value, timestamp, step }] : [],
    );
  });
}

/** What the human approved, and what else decides the figures. */
export function paramsOf({ plan, config, kpi_target }: RunState): Pair[] {
  const approved = Object.entries(plan.parameters).map(([key, { value }]) => [key, value] as const);
  const also = { platform: config.platform, engine: config.engine, seed: config.seed, kpi_target };
  const all = { ...also, ...Object.fromEntries(approved) };
  return Object.entries(all).flatMap(([key, value]) =>
    value === undefined ? [] : [pair(key, value, mostChars.param)],
  );
}

/** What may change while the run goes on. */
export function tagsOf(runDir: string, state: RunState): Pair[] {
  const last = state.approvals.at(-1);
  const tags = {
    "deft.run": keyOf(runDir, state),
    "deft.name": basename(runDir),
    "deft.plan_id": state.plan.plan_id,
    "deft.status": state.status,
    "deft.stop_reason": state.stop_reason ?? (state.hard_stop && `hard_stop:${state.hard_stop.code}`),
    "deft.approved_by": last?.user?.name ?? last?.user?.subject ?? last?.signer ?? last?.how,
    "deft.evidence": state.score_proof?.level ?? "self-reported",
    "mlflow.note.content": `${state.kpi_target}; engine ${state.config.engine}`,
  };
  return Object.entries(tags).flatMap(([key, value]) => (value === undefined ? [] : [pair(key, value, mostChars.tag)]));
}

/** Tells a run from every other one, also from one of the same name elsewhere. */
export function keyOf(runDir: string, state: RunState): string {
  return sha256(`${runDir}\n${state.started_at}`).slice(0, 32);
}

function pair(key: string, value: unknown, most: number): Pair {
  return { key, value: (typeof value === "string" ? value : JSON.stringify(value)).slice(0, most) };
}
