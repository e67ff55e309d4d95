/** A list of numbers of a row that `readParquet` read, or undefined when the cell holds none. */
export function listCell(row: Readonly<Record<string, unknown>>, column: string): Float64Array | undefined {
  const value = row[column];
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return undefined;
  return Float64Array.from(value as ArrayLike<number>, Number);
}
