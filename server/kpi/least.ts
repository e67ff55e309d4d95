/**
 * Chooses the `most` rows of least value, equal ones by row, the least first, from rows that come in ascending order:
 * in one pass, and without a list of all of them.
 */
export function leastRows(most: number) {
  const kept: { readonly row: number; readonly value: number }[] = [];
  /** A row of this value or above has as many before it as are chosen. */
  let bound = most > 0 ? Number.NaN : Number.NEGATIVE_INFINITY;
  const cut = (): void => {
    kept.sort((a, b) => (a.value === b.value ? a.row - b.row : a.value < b.value ? -1 : 1));
    if (kept.length < most) return;
    kept.length = most;
    bound = kept.at(-1)?.value ?? bound;
  };
  return {
    add(row: number, value: number): void {
      if (value >= bound) return;
      kept.push({ row, value });
      if (kept.length >= 2 * most) cut();
    },
    rows(): number[] {
      cut();
      return kept.map(({ row }) => row);
    },
  };
}
