import { join } from "node:path";
import { z } from "zod";
import { defined } from "../run/defined.ts";
import { runPaths } from "../run/paths.ts";
import type { IterationState, RunConfig, RunState } from "../run/state.ts";
import { readObject } from "./lenient.ts";
import type { ConfigRow, IterationView, ReportModel } from "./model.ts";

/** One iteration as the page shows it. */
export function iterationView(label: string, iteration: Partial<IterationState>): IterationView {
  const metric = iteration.metric_result;
  const recall = metric?.constraints.recall_pct ?? metric?.diagnostics?.recall_pct;
  return {
    label,
    status: iteration.status ?? "pending",
    ...defined({
      stage_completed: iteration.stage_completed,
      metric,
      far_pct: iteration.far_pct,
      recall_pct: typeof recall === "number" ? recall : undefined,
      threshold: iteration.threshold,
      val_loss: iteration.val_loss ?? undefined,
      checkpoint: iteration.best_ckpt_path,
      checkpoint_kind: iteration.best_ckpt_kind,
    }),
    adopted: iteration.adopted ?? [],
    settings: Object.fromEntries(Object.entries(iteration.settings ?? {}).map(([name, value]) => [name, plain(value)])),
    ledger: iteration.ledger ?? {},
    warnings: iteration.warnings ?? [],
    skipped: [
      ...(iteration.anomalygen_skipped ? ["anomalygen"] : []),
      ...(iteration.data_mining_skipped ? ["data_mining"] : []),
    ],
  };
}

/** The approved parameters with their sources; a run without a plan shows its plain configuration. */
export function configurationRows(state: Partial<RunState>, config: Partial<RunConfig>): ConfigRow[] {
  const parameters = Object.entries(state.plan?.parameters ?? {});
  if (parameters.length > 0) {
    return parameters.map(([name, { value, source }]) => ({ name, value: plain(value), source }));
  }
  return Object.entries(config).map(([name, value]) => ({ name, value: plain(value) }));
}

/** A value as one line of text. */
export function plain(value: unknown): string {
  if (value === null) return "none";
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "–");
}

/** What the container platform noted when it resolved the run's images, as far as the report shows it. */
const imageSchema = z.object({ uri: z.string(), id: z.string().optional(), digest: z.string().optional() });

/** The programs behind the figures: container images with their digests, or the engine that stood in for them. */
export async function imagesUsed(runDir: string, config: Partial<RunConfig>): Promise<ReportModel["images"]> {
  const { images } = await readObject(join(runPaths(runDir).jobs, "readiness.json"));
  const resolved = z.record(z.string(), imageSchema).safeParse(images);
  if (resolved.success && Object.keys(resolved.data).length > 0) {
    return Object.entries(resolved.data).map(([name, { uri, digest, id }]) => {
      return { name, reference: [uri, digest ?? id].filter((part) => part !== undefined).join(" ") };
    });
  }
  const named = [
    { name: "train, inference, evaluate", reference: config.train_container },
    { name: "anomalygen", reference: config.anomalygen?.container },
  ];
  return named.flatMap(({ name, reference }) => (reference === undefined ? [] : [{ name, reference }]));
}
