import { join } from "node:path";
import { grayLevels } from "../../data/decode/gray-levels.ts";
import { Refusal } from "../../errors.ts";
import { listNames, readBytes } from "../../fs/read.ts";
import type { DefectType } from "./generator-dataset.ts";

/** Masks of one type that are looked at; data sets have some tens. */
const lookLimit = 300;
/** Levels that an encoder may leave beside 0 and 255. */
const tolerance = 8;

/**
 * Checks the anomaly masks `<texture>/mask/<type>/`, one a defect's shape: a type without any, a mask that shows nothing
 * and one with levels between black and white are found by mask placement after hours, as images that are missing.
 *
 * @throws Refusal `gate.generator-dataset` naming the type.
 */
export async function checkAnomalyMasks(datasetDir: string, types: readonly DefectType[]): Promise<void> {
  for (const { type, texture } of types) {
    const folder = join(datasetDir, texture, "mask", type.slice(texture.length + 1));
    const names = (await listNames(folder)).filter((name) => /\.(png|jpe?g)$/i.test(name));
    if (names.length === 0) throw unusable("A defect type has no anomaly mask.", { type, looked_in: folder });
    const found = { blank: [] as string[], gray: [] as string[], unreadable: [] as string[] };
    for (const name of names.slice(0, lookLimit)) {
      const fault = faultOf(await readBytes(join(folder, name)));
      if (fault !== undefined) found[fault].push(name);
    }
    const facts = (bad: readonly string[]) => ({
      type,
      count: bad.length,
      masks: names.length,
      examples: bad.slice(0, 5),
    });
    if (found.unreadable.length > 0) throw unusable("Anomaly masks cannot be decoded.", facts(found.unreadable));
    if (found.blank.length > 0) throw unusable("Anomaly masks have no white pixel.", facts(found.blank));
    if (found.gray.length > 0) {
      throw unusable("Anomaly masks have levels between black and white.", facts(found.gray));
    }
  }
}

function faultOf(bytes: Uint8Array): "blank" | "gray" | "unreadable" | undefined {
  const mask = grayLevels(bytes);
  if (mask === undefined) return "unreadable";
  let white = false;
  for (const level of mask.data) {
    if (level > tolerance && level < 255 - tolerance) return "gray";
    if (level >= 255 - tolerance) white = true;
  }
  return white ? undefined : "blank";
}

function unusable(message: string, facts: Record<string, unknown>): Refusal {
  return new Refusal("gate.generator-dataset", message, facts);
}
