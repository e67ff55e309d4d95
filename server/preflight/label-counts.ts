import { quoted } from "../errors.ts";
import { counted } from "../run/counted.ts";
import { isPass } from "../run/pass-labels.ts";

/** Rows of good parts. */
export function passRows(labels: Readonly<Record<string, number>>): number {
  return Object.entries(labels).reduce((sum, [label, rows]) => sum + (isPass(label) ? rows : 0), 0);
}

/** Counts one more row. */
export function countLabel(counts: Map<string, number>, { label }: { readonly label: string }): void {
  counts.set(label, (counts.get(label) ?? 0) + 1);
}

/** Rows by label: `PASS` first, then the most frequent, equal counts by name. */
export function rankedCounts(counts: ReadonlyMap<string, number>): Record<string, number> {
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

/** Defect types that are named one by one. */
const mostTypes = 12;

/** Every `<TEXTURE>+<TYPE>` while they are few; a product line has dozens, the same kinds of defect on every texture. */
export function typesText(types: readonly string[]): string {
  if (types.length <= mostTypes) return types.join(", ");
  const at = (type: string) => type.indexOf("+");
  const kinds = [...new Set(types.map((type) => type.slice(at(type) + 1)))];
  const textures = new Set(types.map((type) => type.slice(0, at(type)))).size;
  const more = kinds.length > mostTypes ? ", ..." : "";
  return `${types.length} types: ${kinds.slice(0, mostTypes).join(", ")}${more} on ${counted(textures, "texture")}`;
}
