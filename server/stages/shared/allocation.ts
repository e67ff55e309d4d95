import type { GateFacts } from "../../ports/stage.ts";

/** Kind of a generator type `<TEXTURE>+<TYPE>`, as a label: `PCB+excess_solder` makes `excess_solder`. */
export function labelOfType(type: string): string {
  return type
    .slice(type.indexOf("+") + 1)
    .trim()
    .toLowerCase();
}

/** Kind of a generated file `<TEXTURE>+<TYPE>_<index>.png`, as a label (tao-stages 4.8). */
export function labelOfFile(name: string): string {
  const stem = name.replace(/\.[^.]*$/, "");
  return labelOfType(stem.slice(0, stem.includes("_") ? stem.lastIndexOf("_") : stem.length));
}

/**
 * Splits `total` images over the generator types that the routed labels name, in proportion to their rows; the counts
 * sum to `total` exactly (largest remainder, ties in the order of the types). Several textures of one kind share.
 *
 * Undefined when no label names a type, for instance when only PASS rows were routed: the generator then splits evenly.
 */
export function splitByLabels(
  rowsByLabel: ReadonlyMap<string, number>,
  types: readonly string[],
  total: number,
): Record<string, number> | undefined {
  const sharing = new Map<string, number>();
  for (const type of types) sharing.set(labelOfType(type), (sharing.get(labelOfType(type)) ?? 0) + 1);
  const weights = types.map((type) => {
    const label = labelOfType(type);
    return (rowsByLabel.get(label.toUpperCase()) ?? 0) / (sharing.get(label) ?? 1);
  });
  const sum = weights.reduce((all, weight) => all + weight, 0);
  if (sum === 0) return undefined;
  const exact = weights.map((weight) => (weight * total) / sum);
  const counts = exact.map(Math.floor);
  const byRemainder = exact.map((value, at) => ({ at, rest: value - Math.floor(value) }));
  byRemainder.sort((a, b) => b.rest - a.rest || a.at - b.at);
  let left = total - counts.reduce((all, count) => all + count, 0);
  for (const { at } of byRemainder) {
    if (left === 0) break;
    counts[at] = (counts[at] ?? 0) + 1;
    left--;
  }
  return Object.fromEntries(types.flatMap((type, at) => ((counts[at] ?? 0) > 0 ? [[type, counts[at] ?? 0]] : [])));
}

/** Rows by upper-cased label. */
export function countLabels(rows: readonly { readonly label: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { label } of rows) {
    const key = label.trim().toUpperCase();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Images at each step of a generation; each step should have as many as the one before. */
export type GenerationCounts = {
  readonly requested: number;
  /** Sum of allocation.json: what was planned, not what was placed. */
  readonly planned: number;
  /** Lines of testcase.jsonl: what mask placement really yielded. */
  readonly testcases: number;
  /** Files in reconstructed_image. */
  readonly generated: number;
  readonly result_rows: number;
  /** Rows that the content guardrail blanked. */
  readonly blocked: number;
  /** Defect images with a golden twin that went to staging. */
  readonly paired: number;
};

/** What was requested, allocated and placed, as steps that only a human may accept short. */
export function placementSteps(
  counts: Pick<GenerationCounts, "requested" | "planned" | "testcases">,
  placement_log: readonly string[],
): Pick<GateFacts, "allocation"> {
  const { requested, planned, testcases } = counts;
  const facts = { ...counts, placement_log };
  return {
    allocation: [
      { step: "allocation", rows_in: requested, rows_out: planned, facts },
      { step: "mask placement", rows_in: planned, rows_out: testcases, facts },
    ],
  };
}

/** The images of a generation as steps of the ledger: what was allocated, and what came of it (tao-stages 4.8). */
export function generationSteps(
  counts: GenerationCounts,
  placement_log: readonly string[],
): Pick<GateFacts, "allocation" | "ledger"> {
  const { testcases, generated, result_rows, blocked, paired } = counts;
  const facts = { ...counts, placement_log };
  return {
    ...placementSteps(counts, placement_log),
    ledger: [
      { step: "synthesis", rows_in: testcases, rows_out: generated, facts },
      { step: "SDG_result.csv", rows_in: generated, rows_out: result_rows, facts },
      { step: "pairing with golden images", rows_in: generated, rows_out: paired, explained: { blocked }, facts },
    ],
  };
}
