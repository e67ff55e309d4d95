import { join, parse } from "node:path";
import { decodePixels, type Pixels } from "../../data/decode/decode-image.ts";
import { excerpt, Refusal } from "../../errors.ts";
import { parseJson, readJson } from "../../fs/json.ts";
import { linesIn } from "../../fs/lines.ts";
import { kindOf, listNames, readBytes, readText } from "../../fs/read.ts";
import { membersOf } from "../../run/record.ts";
import { checkAnomalyMasks } from "./anomaly-masks.ts";
import { asEvidence } from "./evidence.ts";

/** One line of defect_spec.jsonl. */
export type DefectType = {
  /** `<TEXTURE>+<TYPE>`. */
  readonly type: string;
  readonly texture: string;
  /** Unknown values act as `text`. */
  readonly dependency: "free" | "text" | "cad";
  readonly prompt: string;
};

/** Reads the types that a generator dataset asks for. @throws Refusal `gate.generator-dataset`. */
export async function readDefectTypes(path: string): Promise<DefectType[]> {
  if ((await kindOf(path)) !== "file") throw unusable("The defect spec does not exist.", { path });
  const types: DefectType[] = [];
  for (const [line, number] of linesIn(await readText(path))) types.push(defectType(line, path, number));
  if (types.length === 0) throw unusable("The defect spec is empty.", { path });
  return types;
}

/**
 * Checks what mask placement needs and what it would otherwise only answer with fewer images (tao-stages 4.8): clean
 * images and anomaly masks; for `cad` types a labels file, a cad mask for each clean image and the labelled colours in the masks; for
 * `text` types a prompt.
 *
 * @throws Refusal `gate.generator-dataset` naming the texture and what is wrong with it.
 */
export async function checkGeneratorDataset(datasetDir: string, types: readonly DefectType[]): Promise<void> {
  for (const { type, dependency, prompt } of types) {
    if (dependency === "text" && prompt.trim() === "") throw unusable("A text type has no prompt.", { type });
  }
  const textures = new Map<string, boolean>();
  for (const { texture, dependency } of types) {
    textures.set(texture, (textures.get(texture) ?? false) || dependency === "cad");
  }
  for (const [texture, needsCad] of textures) {
    const { names: clean } = await cleanFolder(datasetDir, texture);
    if (clean.length === 0) throw unusable("A texture has no clean image.", { texture });
    if (needsCad) await checkCadMasks(datasetDir, texture, clean);
  }
  await checkAnomalyMasks(datasetDir, types);
}

async function checkCadMasks(datasetDir: string, texture: string, clean: readonly string[]): Promise<void> {
  const maskDir = join(datasetDir, texture, "cad_mask");
  const masks = (await listNames(maskDir)).filter((name) => name.toLowerCase().endsWith(".png"));
  if (masks.length === 0) throw unusable("A texture of a cad type has no cad mask.", { texture });
  const stems = new Set(masks.map((name) => parse(name).name));
  const alone = clean.filter((name) => !stems.has(parse(name).name));
  if (alone.length > 0) {
    throw unusable("Clean images have no cad mask.", { texture, count: alone.length, examples: alone.slice(0, 5) });
  }
  const colours = await labelledColours(join(datasetDir, "semantic_segmentation_labels.json"));
  const flat: string[] = [];
  for (const name of masks) if (!(await showsPart(join(maskDir, name), colours))) flat.push(name);
  if (flat.length < masks.length) return;
  const facts = { texture, masks: masks.length, examples: flat.slice(0, 3) };
  throw unusable("No cad mask shows a labelled part beside another colour; class colours were lost.", facts);
}

/** Paths of the clean images of some textures. */
export async function cleanImagePaths(datasetDir: string, textures: Iterable<string>): Promise<string[]> {
  const paths: string[] = [];
  for (const texture of textures) {
    const { dir, names } = await cleanFolder(datasetDir, texture);
    paths.push(...names.map((name) => join(dir, name)));
  }
  return [...new Set(paths)];
}

/** Clean images are looked for in this order; the first directory that has any wins. */
async function cleanFolder(datasetDir: string, texture: string): Promise<{ dir: string; names: string[] }> {
  for (const dir of [join(datasetDir, texture, "clean_image"), join(datasetDir, texture), datasetDir]) {
    const names = (await listNames(dir)).filter((name) => /\.(png|jpe?g|bmp)$/i.test(name));
    if (names.length > 0) return { dir, names };
  }
  return { dir: datasetDir, names: [] };
}

/** RGB of every class but the background, as `r,g,b`. */
async function labelledColours(path: string): Promise<Set<string>> {
  if ((await kindOf(path)) !== "file") throw unusable("The labels file of the cad masks does not exist.", { path });
  const labels = await asEvidence(path, () => readJson(path));
  const colours = Object.entries(typeof labels === "object" && labels !== null ? labels : {}).flatMap(
    ([key, value]: [string, { class?: unknown } | null]) => {
      const rgb = /^\((\d+),\s*(\d+),\s*(\d+)/.exec(key);
      return rgb && String(value?.class).toUpperCase() !== "BACKGROUND" ? [`${rgb[1]},${rgb[2]},${rgb[3]}`] : [];
    },
  );
  if (colours.length === 0) throw unusable("The labels file names no class colour.", { path });
  return new Set(colours);
}

/** Whether a mask has a labelled colour and at least one other: a flat one offers no place for a defect. */
async function showsPart(path: string, colours: ReadonlySet<string>): Promise<boolean> {
  const { data } = decodePng(await readBytes(path), path);
  const seen = new Set<number>();
  for (let at = 0; at < data.length; at += 4) {
    seen.add(((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0));
  }
  const labelled = [...seen].some((rgb) => colours.has(`${rgb >> 16},${(rgb >> 8) & 255},${rgb & 255}`));
  return labelled && seen.size > 1;
}

function decodePng(bytes: Uint8Array, path: string): Pixels {
  const pixels = bytes[0] === 0x89 ? decodePixels(bytes) : undefined;
  if (pixels === undefined) throw new Refusal("gate.bad-image", "A cad mask cannot be decoded.", { path });
  return pixels;
}

function defectType(line: string, path: string, number: number): DefectType {
  let entry: unknown;
  try {
    entry = parseJson(line);
  } catch (error) {
    throw unusable("A line of the defect spec is not JSON.", { path, line: number }, error);
  }
  const cells = membersOf(entry);
  const type = cells.defect_type;
  if (typeof type !== "string" || !/^[^+]+\+[^+]+$/.test(type)) {
    throw unusable("A defect_type is not <TEXTURE>+<TYPE>.", { path, line: number, value: excerpt(String(type), 60) });
  }
  const dependency = cells.spatial_dependency;
  return {
    type,
    texture: type.slice(0, type.indexOf("+")),
    dependency: dependency === "free" || dependency === "cad" ? dependency : "text",
    prompt: String(cells.roi_prompt_defect_location ?? ""),
  };
}

function unusable(message: string, facts: Record<string, unknown>, cause?: unknown): Refusal {
  return new Refusal("gate.generator-dataset", message, facts, { cause });
}
