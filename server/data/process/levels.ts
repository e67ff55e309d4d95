import { readFileStart } from "../../fs/head.ts";
import type { GrayImage } from "../decode/gray-image.ts";
import { grayLevels } from "../decode/gray-levels.ts";

/** Decoded pixels that are kept at a time. */
const keptPixels = 64e6;

/** The gray levels of an image; undefined where it cannot be decoded. @throws Refusal `input.unreadable-file`. */
export function levelsOf(path: string): GrayImage | undefined {
  return grayLevels(readFileStart(path).bytes);
}

/** `levelsOf` for one piece of work, which asks for some images again; a file that changes before the next is read anew. */
export function keepingLevels(): typeof levelsOf {
  const kept = new Map<string, GrayImage | undefined>();
  let pixels = 0;
  return (path) => {
    if (kept.has(path)) return kept.get(path);
    const gray = levelsOf(path);
    if (pixels > keptPixels) {
      kept.clear();
      pixels = 0;
    }
    pixels += gray?.data.length ?? 0;
    kept.set(path, gray);
    return gray;
  };
}
