import { quoted } from "../errors.ts";

/** Rows by label as written: `PASS` first, then the most frequent, equal counts by name. */
export function labelCounts(rows: readonly { readonly label: string }[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { label } of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
  const rank = ([label, count]: [string, number]) => (label === "PASS" ? Number.POSITIVE_INFINITY : count);
  return Object.fromEntries([...counts].sort((a, b) => rank(b) - rank(a) || (a[0] < b[0] ? -1 : 1)));
}

/** `PASS 150, open 18, ...`; beyond eight labels the rest is summed up. */
export function labelText(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  const shown = entries.slice(0, 8).map(([label, count]) => `${quoted(label)} ${count}`);
  const rest = entries.slice(8).reduce((sum, [, count]) => sum + count, 0);
  return [...shown, ...(rest === 0 ? [] : [`${entries.length - 8} more labels ${rest}`])].join(", ");
}
