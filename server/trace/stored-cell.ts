import { types } from "node:util";
import type { ColumnKind } from "../data/parquet.ts";
import { parseJson } from "../fs/json.ts";
import { mapTexts } from "./symbols.ts";

export type Change = (text: string) => string;

/** Kinds of columns that a trace has; those of before had texts, numbers and lists of numbers alone. */
export const columnKinds = [
  ...(["string", "double", "int64", "boolean", "timestamp", "json"] as const),
  ...(["string_list", "double_list", "int64_list", "boolean_list", "timestamp_list"] as const),
] as const satisfies readonly ColumnKind[];

/** A column of which no cell says more holds texts, or lists of numbers. */
export const kindOfNothing = (hasList: boolean): ColumnKind => (hasList ? "double_list" : "string");

const { isDate } = types;

export const isList = (cell: unknown): cell is ArrayLike<unknown> => Array.isArray(cell) || ArrayBuffer.isView(cell);

/** The kind of a column, by one of its cells; undefined where that is empty, or a list of nothing. */
export function kindOf(cell: unknown): ColumnKind | undefined {
  if (!isList(cell)) return singleKind(cell);
  const first = Array.from(cell).find((one) => singleKind(one) !== undefined);
  if (first === undefined) return undefined;
  const kind = singleKind(first);
  return kind === undefined || kind === "json" ? "json" : `${kind}_list`;
}

function singleKind(cell: unknown) {
  if (cell === null || cell === undefined) return undefined;
  if (typeof cell === "number") return "double";
  if (typeof cell === "bigint") return "int64";
  if (typeof cell === "boolean" || typeof cell === "string") return typeof cell as "boolean" | "string";
  return isDate(cell) ? "timestamp" : "json";
}

/** A cell of a column of this kind as JSON text; one of another kind, as only JSON can have, may be null. */
export function cellText(cell: unknown, kind: ColumnKind, change: Change): string {
  if (!kind.endsWith("_list")) return JSON.stringify(stored(cell, kind, change));
  const single = kind.slice(0, -"_list".length) as ColumnKind;
  return isList(cell) ? JSON.stringify(Array.from(cell, (one) => stored(one, single, change))) : "null";
}

function stored(cell: unknown, kind: ColumnKind, change: Change): unknown {
  if (cell === null || cell === undefined) return null;
  if (kind === "double")
    return typeof cell === "number" || typeof cell === "bigint" ? storedNumber(Number(cell)) : null;
  if (kind === "int64") return typeof cell === "bigint" ? String(cell) : null;
  if (kind === "boolean") return typeof cell === "boolean" ? cell : null;
  if (kind === "timestamp") return isDate(cell) ? cell.getTime() : null;
  return kind === "string" && typeof cell !== "object" ? change(String(cell)) : jsonText(cell, change);
}

/** JSON has no text for some numbers. */
function storedNumber(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? "-0" : String(value);
}

/** What is changed are the texts of an object: a name in its JSON would lack what JSON puts before a quote. */
function jsonText(cell: unknown, change: Change): string | null {
  try {
    const text = JSON.stringify(cell, (_, value) => (typeof value === "bigint" ? String(value) : value));
    return JSON.stringify(mapTexts(parseJson(text), change));
  } catch {
    // Deeper than what others read, or than the stack.
    return null;
  }
}

/** The cell again, of what a trace has. What has another shape is thrown as it is. */
export function restoredCell(value: unknown, kind: ColumnKind, change: Change): unknown {
  if (value === null || value === undefined) return null;
  if (!kind.endsWith("_list")) return restored(value, kind, change);
  const single = kind.slice(0, -"_list".length) as ColumnKind;
  // What only says that it has a length may say any.
  if (!Array.isArray(value)) throw new TypeError(`a cell of a ${kind} is no list`);
  return value.map((one) => (one === null ? null : restored(one, single, change)));
}

function restored(value: unknown, kind: ColumnKind, change: Change): unknown {
  if (kind === "double") return Number(value);
  if (kind === "int64") return BigInt(value as string);
  if (kind === "timestamp") return new Date(value as number);
  return mapTexts(kind === "json" ? parseJson(String(value)) : value, change);
}
