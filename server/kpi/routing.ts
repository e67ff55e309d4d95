export type Routing<Row> = {
  /** Rows of either subset in their order; a row may be in both. */
  readonly mining: readonly Row[];
  readonly anomalygen: readonly Row[];
  /** Rows that no module can serve. */
  readonly dropped: readonly Row[];
  /** By count descending, then by first appearance. */
  readonly labels: readonly { label: string; count: number; mining: boolean; anomalygen: boolean }[];
};

const upper = (label: string) => label.trim().toUpperCase();

/**
 * Sends every gap to mining when the pool has its label, and to generation when the generator supports it; labels are
 * compared without case (tao-stages 4.4). Rows are kept as they are.
 */
export function routeGaps<Row extends { readonly label: string }>(
  gaps: readonly Row[],
  poolLabels: Iterable<string>,
  supportedLabels: Iterable<string>,
): Routing<Row> {
  const pool = new Set(Array.from(poolLabels, upper));
  const supported = new Set(Array.from(supportedLabels, upper));
  const counts = new Map<string, number>();
  for (const gap of gaps) counts.set(upper(gap.label), (counts.get(upper(gap.label)) ?? 0) + 1);
  const labels = [...counts]
    .map(([label, count]) => ({ label, count, mining: pool.has(label), anomalygen: supported.has(label) }))
    .sort((a, b) => b.count - a.count);
  return {
    mining: gaps.filter((gap) => pool.has(upper(gap.label))),
    anomalygen: gaps.filter((gap) => supported.has(upper(gap.label))),
    dropped: gaps.filter((gap) => !pool.has(upper(gap.label)) && !supported.has(upper(gap.label))),
    labels,
  };
}

/** The text of `routing_summary.txt`; `absentPool` names a pool file that does not exist. */
export function routingSummary(
  routing: Routing<unknown>,
  paths: { readonly mining: string; readonly anomalygen: string; readonly absentPool?: string | undefined },
): string {
  const yes = (value: boolean) => (value ? "yes" : "no");
  const total = routing.labels.reduce((sum, { count }) => sum + count, 0);
  const lines = [
    "Weak-sample routing summary",
    `Total weak samples: ${total}`,
    `Mining subset:      ${routing.mining.length} -> ${paths.mining}`,
    `AnomalyGen subset:  ${routing.anomalygen.length} -> ${paths.anomalygen}`,
    "",
  ];
  if (paths.absentPool !== undefined) {
    lines.push(`No source pool CSV at '${paths.absentPool}'; mining subset is empty.`, "");
  }
  lines.push("Per-label breakdown (count, mining, anomalygen):");
  for (const { label, count, mining, anomalygen } of routing.labels) {
    lines.push(`  ${label}: ${count} (mining=${yes(mining)}, anomalygen=${yes(anomalygen)})`);
  }
  return `${lines.join("\n")}\n`;
}

/** Target labels that the pool has no row of: mining cannot find any (a warning, not a stop). */
export function labelsAbsentFromPool(targets: readonly { label: string }[], poolLabels: Iterable<string>): string[] {
  const pool = new Set(Array.from(poolLabels, upper));
  return [...new Set(targets.map((target) => upper(target.label)))].filter((label) => !pool.has(label));
}
