import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../../server/fs/json.ts";
import { EngineFailure } from "../failure.ts";

/** One line of defect_spec.jsonl. */
export type DefectKind = {
  /** `<TEXTURE>+<TYPE>`, e.g. `PCB+bridge`. */
  defect_type: string;
  texture: string;
  type: string;
  dependency: "free" | "text" | "cad";
  prompt: string;
  /** Whether the defect adds the conductor's material or takes it away; absent when the spec does not say. */
  copper_change: "added" | "removed" | undefined;
};

/**
 * Reads defect_spec.jsonl. An unknown spatial dependency counts as `text`, as in AnomalyGen.
 *
 * @throws EngineFailure for a missing file, a line that is no JSON object, a type without `+`, a `text` entry without
 * a prompt.
 */
export function readDefectSpec(path: string): DefectKind[] {
  if (!existsSync(path)) throw new EngineFailure("FileNotFoundError", `[Errno 2] No such file or directory: '${path}'`);
  const kinds: DefectKind[] = [];
  readFileSync(path, "utf8")
    .split("\n")
    .forEach((line, index) => {
      if (line.trim() !== "") kinds.push(parseLine(line, index + 1));
    });
  if (kinds.length === 0) throw new EngineFailure("ValueError", `no defect types in ${path}`);
  return kinds;
}

function parseLine(line: string, number: number): DefectKind {
  let record: Record<string, unknown>;
  try {
    record = (parseJson(line) ?? {}) as Record<string, unknown>;
  } catch (error) {
    throw new EngineFailure("ValueError", `defect spec line ${number}: ${String(error)}`, { cause: error });
  }
  const name = String(record.defect_type ?? "");
  const [texture = "", type = ""] = name.split(/\+(.*)/s);
  if (texture === "" || type === "") {
    throw new EngineFailure("ValueError", `defect spec line ${number}: defect_type '${name}' is not TEXTURE+TYPE`);
  }
  const given = record.cad_mask === undefined ? String(record.spatial_dependency ?? "text") : "cad";
  const dependency = given === "free" || given === "cad" ? given : "text";
  const prompt = String(record.roi_prompt_defect_location ?? "");
  if (dependency === "text" && prompt.trim() === "") {
    throw new EngineFailure(
      "ValueError",
      `defect spec line ${number}: ${name} depends on text and needs a non-empty roi_prompt_defect_location`,
    );
  }
  const change = record.copper_change;
  const copper = change === "added" || change === "removed" ? change : undefined;
  return { defect_type: name, texture, type, dependency, prompt, copper_change: copper };
}

/**
 * How many samples each type shall get.
 *
 * `inference` (the default) is uniform, the first `total % types` types get one more; `validation` follows the number of
 * masks with at least one each; explicit counts win over both.
 */
export function allocate(
  kinds: readonly DefectKind[],
  total: number,
  mode: "inference" | "validation",
  masks: readonly number[],
  explicit: Readonly<Record<string, number>> | undefined,
): Record<string, number> {
  const names = kinds.map((kind) => kind.defect_type);
  if (explicit !== undefined) {
    const unknown = Object.keys(explicit).filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      throw new EngineFailure("ValueError", `per-defect-counts names unknown types: ${unknown.join(", ")}`);
    }
    return Object.fromEntries(names.filter((name) => name in explicit).map((name) => [name, explicit[name] ?? 0]));
  }
  if (mode === "inference") {
    const base = Math.floor(total / names.length);
    return Object.fromEntries(names.map((name, i) => [name, base + (i < total % names.length ? 1 : 0)]));
  }
  const sum = masks.reduce((a, b) => a + b, 0);
  const counts = masks.map((count) => Math.max(1, Math.floor((total * count) / Math.max(1, sum))));
  for (let i = 0; counts.reduce((a, b) => a + b, 0) < total; i = (i + 1) % counts.length) {
    counts[i] = (counts[i] as number) + 1;
  }
  return Object.fromEntries(names.map((name, i) => [name, counts[i] as number]));
}

const IMAGE = /\.(png|jpe?g)$/i;

/** Image files of a directory by name, sorted; an absent directory has none. */
export function listImages(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => IMAGE.test(name))
    .sort()
    .map((name) => join(directory, name));
}

/** Clean images of a texture, from the first place that has any (AnomalyGen's order). */
export function findCleanImages(cleanDir: string, texture: string): string[] {
  const places = [join(cleanDir, texture, "clean_image"), join(cleanDir, texture), cleanDir];
  return places.map(listImages).find((found) => found.length > 0) ?? [];
}
