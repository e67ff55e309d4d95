import { readFileSync } from "node:fs";
import { EngineFailure } from "../failure.ts";
import { decodeGray } from "../image/decode.ts";
import type { Gray } from "../image/gray.ts";
import { compareImages } from "./evidence.ts";
import { type CachePlace, contentKey, type FeatureCache, openFeatureCache } from "./feature-cache.ts";
import { describePair, PAIR_FEATURES, PAIR_KIND } from "./features.ts";

/** Turns pairs of image files into feature vectors. */
export type PairReader = {
  /**
   * The features of one pair, `PAIR_FEATURES` values; `image` is the tested image where it is decoded already.
   *
   * @throws EngineFailure for a missing or unreadable image.
   */
  read(testPath: string, goldenPath: string, image?: Gray): Float32Array;
  /** Whether the cache holds a pair. @throws EngineFailure for a missing image. */
  knows(testPath: string, goldenPath: string): boolean;
} & Pick<FeatureCache, "flush" | "refresh" | "close">;

/** Opens a reader that looks features up by image content in a cache before it computes them. */
export function openPairReader(place: CachePlace | undefined): PairReader {
  const cache = openFeatureCache(place, PAIR_KIND, PAIR_FEATURES);
  return {
    read(testPath, goldenPath, image) {
      const test = readImageFile(testPath);
      const golden = readImageFile(goldenPath);
      const key = contentKey(PAIR_KIND, [test, golden]);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const features = describePair(compareImages(image ?? decodeGray(test, testPath), decodeGray(golden, goldenPath)));
      cache.put(key, features);
      return features;
    },
    knows: (testPath, goldenPath) =>
      cache.get(contentKey(PAIR_KIND, [readImageFile(testPath), readImageFile(goldenPath)])) !== undefined,
    flush: cache.flush,
    refresh: cache.refresh,
    close: cache.close,
  };
}

/** The bytes of an image file. @throws EngineFailure `FileNotFoundError` in the wording of TAO's loader. */
export function readImageFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new EngineFailure("FileNotFoundError", `Image file wasn't found at ${path}`, { cause: error });
  }
}
