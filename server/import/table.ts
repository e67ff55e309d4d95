import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { readTable } from "../data/csv.ts";
import { Refusal } from "../errors.ts";
import { isInside } from "../fs/contained.ts";
import { kindOf } from "../fs/read.ts";
import type { Source, SourceImage } from "./source.ts";

/** What a table can say of an image, and columns that usually say it. */
const usual = {
  image: ["image", "image_path", "path", "filepath", "file", "file_name", "filename", "img"],
  label: ["label", "class", "defect", "defect_type", "category_name", "target", "verdict"],
  golden: ["golden", "golden_path", "reference", "template"],
  board: ["board", "boardname", "serial", "serial_number", "sn", "panel", "lot"],
  place: ["component", "comp_name", "refdes", "ref_des", "designator", "place", "view"],
  category: ["category", "product", "project", "part_number"],
  lighting: ["lighting", "light", "illumination"],
  mask: ["mask", "mask_path"],
} as const;
type Column = keyof typeof usual;
const columnNames = Object.keys(usual) as Column[];

/**
 * Reads images and labels from a CSV. `given` maps what is meant to the column that says it; the rest goes by usual names.
 * Paths count from the CSV's folder or from the source.
 *
 * @throws Refusal `input.invalid` for a column that is not there or means nothing here, `input.bad-csv`,
 * `input.unreadable-file`.
 */
export async function readImageTable(
  root: string,
  csv: string,
  given: Readonly<Record<string, string>>,
): Promise<Source> {
  const { header, rows } = await readTable(csv);
  const columns = columnsOf(header, given);
  const images: SourceImage[] = [];
  let absent = 0;
  for (const cells of rows) {
    const cell = (column: Column) => cells[columns.get(column) ?? -1]?.trim() || undefined;
    const path = await existing(cell("image"), [dirname(csv), root]);
    if (path === undefined) {
      absent++;
      continue;
    }
    const [golden, mask] = [cell("golden"), cell("mask")];
    const files = {
      golden: golden && ((await existing(golden, [dirname(csv), root])) ?? resolve(root, golden)),
      mask: mask && (await existing(mask, [dirname(csv), root])),
    };
    const texts = { label: cell("label"), board: cell("board"), place: cell("place"), lighting: cell("lighting") };
    const known = Object.entries({ ...files, ...texts }).filter(([, value]) => value !== undefined);
    const name = isInside(root, path) ? relative(root, path).split(sep).join("/") : path;
    images.push({ path, name, category: cell("category") ?? "parts", ...Object.fromEntries(known) });
  }
  const named = [...columns].map(([column, at]) => `${column} is ${header[at] ?? ""}`);
  const notes = [`Columns of the table: ${named.join(", ")}.`];
  if (absent > 0) notes.push(`${absent} of ${rows.length} rows name an image that does not exist.`);
  if (!columns.has("board")) notes.push("No column names boards: every image counts as a board of its own.");
  return { images, notes };
}

function columnsOf(header: readonly string[], given: Readonly<Record<string, string>>): Map<Column, number> {
  const found = new Map<Column, number>();
  for (const column of Object.keys(given)) {
    if (columnNames.includes(column as Column) && header.includes(given[column] ?? "")) continue;
    const facts = { column, given: given[column], columns: header.slice(0, 30), meanings: columnNames };
    throw new Refusal("input.invalid", "--column names no column of the table, or no meaning.", facts);
  }
  const lower = header.map((name) => name.trim().toLowerCase());
  for (const column of columnNames) {
    const at =
      given[column] === undefined ? lower.findIndex((name) => isUsual(column, name)) : header.indexOf(given[column]);
    if (at >= 0) found.set(column, at);
  }
  const missing = (["image", "label"] as const).filter((column) => !found.has(column));
  if (missing.length === 0) return found;
  const facts = { missing, columns: header.slice(0, 30), example: `--column ${missing[0]}=${header[0] ?? "NAME"}` };
  throw new Refusal("input.invalid", `No column of the table is known to say ${missing.join(" and ")}.`, facts);
}

function isUsual(column: Column, name: string): boolean {
  return (usual[column] as readonly string[]).includes(name);
}

async function existing(cell: string | undefined, roots: readonly string[]): Promise<string | undefined> {
  if (cell === undefined) return undefined;
  const places = isAbsolute(cell) ? [cell] : roots.map((root) => join(root, cell));
  for (const place of places) if ((await kindOf(place)) === "file") return place;
  return undefined;
}
