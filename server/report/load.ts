import { basename, resolve } from "node:path";
import type { Clock } from "../run/clock.ts";
import { isoSeconds } from "../run/clock.ts";
import type { IterationState, RunConfig, RunState } from "../run/state.ts";
import type { ConfigRow, Integrity, IterationView, ReportModel } from "./model.ts";
import { bestIteration, outcomeOf } from "./outcome.ts";
import { readLog, readRunState } from "./read-state.ts";

/**
 * Reads a run directory into what the report shows. Disk is the only source; nothing is written.
 *
 * A half-written, malformed or foreign run gives what is true and a sentence in `missing` for all that is not there.
 */
export async function load(runDir: string, deps: { clock: Clock; integrity?: Integrity }): Promise<ReportModel> {
  const dir = resolve(runDir);
  const missing: string[] = [];
  const note = (sentence: string) => void missing.push(sentence);
  const { state, config, iterations: read, events } = await readRunState(dir, note);
  const log = await readLog(dir, events, note);
  const iterations = read.map(({ label, iteration }) => iterationView(label, iteration));
  const contract = state.metric_contract;
  const best = bestIteration(contract, iterations);
  return {
    generated_at: isoSeconds(deps.clock.now()),
    run_name: basename(dir),
    run_dir: dir,
    status: state.status ?? "unknown",
    ...optional("started_at", state.started_at),
    ...optional("completed_at", state.completed_at),
    ...optional("stop_reason", state.stop_reason),
    ...optional("contract", contract),
    ...optional("max_iterations", state.max_iterations),
    ...optional("hard_stop", state.hard_stop),
    ...optional("plan_id", state.plan?.plan_id),
    ...optional("best", best?.label),
    target: state.kpi_target ?? "not recorded",
    engine: config.engine ?? "not recorded",
    platform: config.platform ?? "not recorded",
    integrity: deps.integrity ?? { status: "unknown", findings: [] },
    outcome: outcomeOf(contract, best),
    iterations,
    configuration: configurationRows(state, config),
    approvals: state.approvals ?? [],
    acknowledgements: state.acknowledgements ?? [],
    events: log,
    pins: Object.entries(state.pins ?? {}).map(([path, sha256]) => ({ path, sha256 })),
    missing,
  };
}

function iterationView(label: string, iteration: Partial<IterationState>): IterationView {
  const metric = iteration.metric_result;
  const recall = metric?.constraints.recall_pct ?? metric?.diagnostics?.recall_pct;
  return {
    label,
    status: iteration.status ?? "pending",
    ...optional("stage_completed", iteration.stage_completed),
    ...optional("metric", metric),
    ...optional("far_pct", iteration.far_pct),
    ...optional("recall_pct", typeof recall === "number" ? recall : undefined),
    ...optional("threshold", iteration.threshold),
    ...optional("val_loss", iteration.val_loss ?? undefined),
    ...optional("checkpoint", iteration.best_ckpt_path),
    ...optional("checkpoint_kind", iteration.best_ckpt_kind),
    adopted: iteration.adopted ?? [],
    ledger: iteration.ledger ?? {},
    warnings: iteration.warnings ?? [],
    skipped: [
      ...(iteration.anomalygen_skipped ? ["anomalygen"] : []),
      ...(iteration.data_mining_skipped ? ["data_mining"] : []),
    ],
  };
}

/** The approved parameters with their sources; a run without a plan shows its plain configuration. */
function configurationRows(state: Partial<RunState>, config: Partial<RunConfig>): ConfigRow[] {
  const parameters = Object.entries(state.plan?.parameters ?? {});
  if (parameters.length > 0) {
    return parameters.map(([name, { value, source }]) => ({ name, value: plain(value), source }));
  }
  return Object.entries(config).map(([name, value]) => ({ name, value: plain(value) }));
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "–");
}

function optional<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [key in K]?: V };
}
