import { analyseKpi } from "../../data/kpi-files.ts";
import { compareScores, type ScoreComparison } from "../../data/score-comparison.ts";
import { Refusal } from "../../errors.ts";
import { kindOf } from "../../fs/read.ts";
import { measureFar } from "../../kpi/far-at-recall.ts";
import { judge, recallTargetPct } from "../../kpi/metric-contract.ts";
import { defined } from "../../run/defined.ts";
import type { JobExit } from "../../run/job.ts";
import type { IterationLabel } from "../../run/labels.ts";
import { programOf } from "../../run/platform-traits.ts";
import type { ScoreProof } from "../../run/state.ts";
import { missing } from "../../stages/shared/evidence.ts";
import { type Planned, type Rescore, tolerances } from "./rescore.ts";

/** What came of making the scores of an iteration again; `differences` is absent where they are the recorded ones. */
export type Compared = {
  readonly proof: ScoreProof;
  readonly differences?: Record<string, unknown>;
};

/**
 * Holds the scores of an iteration, its FAR and its verdict against those made again.
 *
 * @throws Refusal `metric.not-reproduced` when the program that was to make them failed; what reading the tables throws.
 */
export async function compareRescored(
  { state, label, seed, set }: Rescore,
  planned: Planned,
  exit: JobExit,
  by: { readonly at: string; readonly program: string | undefined },
): Promise<Compared> {
  const { metric_contract: contract, config } = state;
  const iteration = state.iterations[label];
  const recorded = set === "holdout" ? state.holdout?.inference_csv : iteration?.inference_csv;
  await requireScored(planned, exit, label);
  if (recorded === undefined) throw missing(`the scores of ${label}`, "are not recorded");
  const tolerance = tolerances[programOf(config.platform, config.platform_settings)];
  const compared = await compareScores(recorded, planned.csv, tolerance, planned.chosen);
  const isWhole = set === "kpi" && planned.chosen === undefined;
  const far = isWhole ? await farAgain(planned.csv, recallTargetPct(contract)) : undefined;
  const proof: ScoreProof = {
    level: planned.chosen === undefined ? "reproduced" : "sampled",
    iteration: label,
    rows: planned.rows,
    of_rows: planned.ofRows,
    differing: compared.differing,
    largest_difference: compared.largest,
    tolerance,
    at: by.at,
    ...defined({ far_pct: far?.value, program: by.program, seed: planned.chosen && seed }),
  };
  const isBuiltin = contract.evaluator.type === "builtin";
  const changed = isBuiltin && far !== undefined && judge(contract, far).passed !== iteration?.metric_result?.passed;
  if (compared.differing === 0 && !changed) return { proof };
  return { proof, differences: factsOf(compared, proof, iteration?.far_pct) };
}

/** @throws Refusal `metric.not-reproduced` for a program that failed or left no scores. */
export async function requireScored({ csv, job }: Planned, exit: JobExit, label: IterationLabel): Promise<void> {
  if (exit.outcome === "exited" && exit.exit_code === 0 && (await kindOf(csv)) === "file") return;
  const facts = { iteration: label, log: job.log_path, ...exit };
  throw new Refusal("metric.not-reproduced", "The program that scores at the end of the run did not succeed.", facts);
}

async function farAgain(csv: string, recallPct: number) {
  return measureFar((await analyseKpi(csv, recallPct / 100)).sweep, recallPct);
}

function factsOf({ differing, largest, examples }: ScoreComparison, proof: ScoreProof, farPct: number | undefined) {
  return {
    iteration: proof.iteration,
    differing,
    rows: proof.rows,
    largest_difference: largest,
    tolerance: proof.tolerance,
    far_pct: { recorded: farPct ?? null, again: proof.far_pct ?? null },
    examples,
  };
}

/** The refusal of scores that are not the recorded ones. */
export function notReproduced(differences: Record<string, unknown>): Refusal {
  return new Refusal(
    "metric.not-reproduced",
    "Scored again from checkpoint and images, the KPI set has other scores than were recorded.",
    differences,
  );
}
