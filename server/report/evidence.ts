import { defined } from "../run/defined.ts";
import { evidenceLevel, type RunState } from "../run/state.ts";
import type { Evidence } from "./model.ts";

/** What stands behind the figures of a run, and what scored each of its iterations. */
export function evidenceOf(state: Partial<RunState>): Evidence {
  const { score_proof: proof } = state;
  const level = evidenceLevel(defined({ score_proof: proof }));
  const scored = Object.values(state.iterations ?? {}).flatMap(({ program }) => program ?? []);
  const programs = [...new Set([...scored, ...(proof?.program === undefined ? [] : [proof.program])])];
  if (proof === undefined) {
    const sentence = "Self-reported: no figure was reproduced by this run; `deft-mcp audit` scores the KPI set again.";
    return { level, sentence, programs };
  }
  const part = proof.level === "sampled" ? "a random sample" : "the whole KPI set";
  const seed = proof.seed === undefined ? "" : `, drawn with seed ${proof.seed}`;
  const { absolute, relative } = proof.tolerance;
  const sentence =
    `${proof.level === "sampled" ? "Sampled" : "Reproduced"}: ${part} (${proof.rows} of ${proof.of_rows} rows${seed}) of ` +
    `${proof.iteration} was scored again from checkpoint and images; largest difference ${proof.largest_difference}, ` +
    `tolerated ${absolute} + ${relative} of the score.`;
  return { level, sentence, programs };
}
