import { types } from "node:util";
import type { ColumnKind } from "../data/parquet.ts";
import { Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { mapTexts } from "./symbols.ts";

export type Change = (text: string) => string;

/** Kinds of columns that a trace has; those of before had texts, numbers and lists of numbers alone. */
export const columnKinds = [
  ...(["string", "double", "int64", "boolean", "timestamp", "json"] as const),
  ...(["string_list", "double_list", "int64_list", "boolean_list", "timestamp_list"] as const),
] as const satisfies readonly ColumnKind[];

/** What the cells of a column that were seen say of its kind: nothing yet, or `list` where all are lists of nothing. */
export type SeenKind = ColumnKind | "list" | undefined;

/** A column of which no cell says more holds texts, or lists of numbers. */
export const settledKind = (seen: SeenKind): ColumnKind => (seen === "list" ? "double_list" : (seen ?? "string"));

const { isDate } = types;

const isList = (cell: unknown): cell is ArrayLike<unknown> => Array.isArray(cell) || ArrayBuffer.isView(cell);

/** What one more cell says of the kind of its column. Only JSON has cells of several kinds. */
export function kindWith(seen: SeenKind, cell: unknown): SeenKind {
  return isList(cell) ? common(seen, listKind(cell)) : common(seen, singleKind(cell));
}

function common(one: SeenKind, other: SeenKind): SeenKind {
  if (one === other || other === undefined) return one;
  if (one === undefined || (one === "list" && other.endsWith("_list"))) return other;
  return other === "list" && one.endsWith("_list") ? one : "json";
}

function listKind(cell: ArrayLike<unknown>): SeenKind {
  // One that is packed has elements of one kind.
  const elements = ArrayBuffer.isView(cell) ? [cell[0]] : Array.from(cell);
  const kind = elements.reduce<SeenKind>((seen, one) => common(seen, singleKind(one)), undefined);
  if (kind === undefined) return "list";
  return kind === "json" ? "json" : (`${kind}_list` as ColumnKind);
}

function singleKind(cell: unknown) {
  if (cell === null || cell === undefined) return undefined;
  if (typeof cell === "number") return "double";
  if (typeof cell === "bigint") return "int64";
  if (typeof cell === "boolean" || typeof cell === "string") return typeof cell as "boolean" | "string";
  return isDate(cell) ? "timestamp" : "json";
}

/**
 * A cell of a column of this kind as JSON text.
 *
 * @throws Refusal `input.bad-parquet` for JSON that nests deeper than a trace can hold.
 */
export function cellText(cell: unknown, kind: ColumnKind, change: Change): string {
  if (!kind.endsWith("_list")) return JSON.stringify(stored(cell, kind, change));
  const single = kind.slice(0, -"_list".length) as ColumnKind;
  return isList(cell) ? JSON.stringify(Array.from(cell, (one) => stored(one, single, change))) : "null";
}

function stored(cell: unknown, kind: ColumnKind, change: Change): unknown {
  if (cell === null || cell === undefined) return null;
  if (kind === "double") return storedNumber(cell as number);
  if (kind === "int64") return String(cell);
  if (kind === "boolean") return cell;
  if (kind === "timestamp") return (cell as Date).getTime();
  return kind === "string" ? change(cell as string) : jsonText(cell, change);
}

/** What JSON has no text for. */
const strangeNumbers: readonly unknown[] = ["-0", "NaN", "Infinity", "-Infinity"];

/** JSON has no text for some numbers. */
function storedNumber(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? "-0" : String(value);
}

/** What is changed are the texts of an object: a name in its JSON would lack what JSON puts before a quote. */
function jsonText(cell: unknown, change: Change): string {
  try {
    const text = JSON.stringify(cell, (_, value) => (typeof value === "bigint" ? String(value) : value));
    return JSON.stringify(mapTexts(parseJson(text), change));
  } catch (cause) {
    throw new Refusal("input.bad-parquet", "A cell holds JSON that nests too deep.", {}, { cause });
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
  if (kind === "double" && (typeof value === "number" || strangeNumbers.includes(value))) return Number(value);
  if (kind === "boolean" && typeof value === "boolean") return value;
  if (kind === "timestamp" && typeof value === "number") return new Date(value);
  if (typeof value === "string") {
    if (kind === "string") return change(value);
    if (kind === "json") return mapTexts(parseJson(value), change);
    if (kind === "int64" && /^-?\d+$/.test(value)) return BigInt(value);
  }
  throw new TypeError(`a cell of a column of kind ${kind} is none`);
}
