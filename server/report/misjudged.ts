import type { KpiRow } from "./kpi-rows.ts";

/** A KPI set as one iteration scored it, and the threshold that it is judged by. */
export type Judged = { readonly label: string; readonly rows: readonly KpiRow[]; readonly threshold: number };

export type Verdict = "missed" | "false_alarm";

/** How a part is misjudged at a threshold; undefined when it is judged rightly. */
export function wrongAt(threshold: number, row: Pick<KpiRow, "defective" | "score">): Verdict | undefined {
  if (row.defective) return row.score > threshold ? undefined : "missed";
  return row.score > threshold ? "false_alarm" : undefined;
}

/** How far on the wrong side of the threshold a part is; 0 and less is right. */
export function weaknessAt(threshold: number, { defective, score }: Pick<KpiRow, "defective" | "score">): number {
  return defective ? threshold - score : score - threshold;
}

/** Every misjudged part: missed defects first, then false alarms, each the furthest off first. */
export function misjudged({ rows, threshold }: Judged): KpiRow[] {
  return rows
    .filter((row) => wrongAt(threshold, row) !== undefined)
    .sort((a, b) => Number(b.defective) - Number(a.defective) || weaknessAt(threshold, b) - weaknessAt(threshold, a));
}

/** What names each row of a KPI set across iterations: its images, and the how many-th row of them it is. */
export function partKeys(rows: readonly KpiRow[]): string[] {
  const seen = new Map<string, number>();
  return rows.map(({ input_path, golden_path, object_name }) => {
    const image = `${input_path}\0${object_name}\0${golden_path}`;
    const count = (seen.get(image) ?? 0) + 1;
    seen.set(image, count);
    return count === 1 ? image : `${image}\0${count}`;
  });
}

export type Changes = {
  readonly fixed: readonly KpiRow[];
  readonly broken: readonly KpiRow[];
  readonly still: readonly KpiRow[];
};

/** What became of each part from one judgement to another; parts that only one of them has count in neither. */
export function changesBetween(before: Judged, after: Judged): Changes {
  const keys = partKeys(before.rows);
  const was = new Map(before.rows.map((row, at) => [keys[at], wrongAt(before.threshold, row) !== undefined]));
  const changes = { fixed: [] as KpiRow[], broken: [] as KpiRow[], still: [] as KpiRow[] };
  for (const [at, key] of partKeys(after.rows).entries()) {
    const row = after.rows[at] as KpiRow;
    const wasWrong = was.get(key);
    const isWrong = wrongAt(after.threshold, row) !== undefined;
    if (wasWrong === undefined || (!wasWrong && !isWrong)) continue;
    if (!isWrong) changes.fixed.push(row);
    else if (wasWrong) changes.still.push(row);
    else changes.broken.push(row);
  }
  return changes;
}
