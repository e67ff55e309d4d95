import { readFileSync } from "node:fs";
import { EngineFailure } from "../failure.ts";
import { decodeGray } from "../image/decode.ts";
import type { Gray } from "../image/gray.ts";
import { compareImages } from "./evidence.ts";
import { type CachePlace, contentKey, type FeatureCache, openFeatureCache } from "./feature-cache.ts";
import { describePair, PAIR_FEATURES, PAIR_KIND } from "./features.ts";

/** Paths of a tested image and its golden image, which an embedding may do without. */
export type ImagePaths = readonly [test: string, golden?: string | undefined];

/** An image's file as it was read, and its levels where they are known already. */
type ImageFile = { readonly path: string; readonly bytes: Uint8Array; readonly gray?: Gray };
export type ImageFiles = readonly [test: ImageFile, golden?: ImageFile | undefined];

/** Turns image files into feature vectors. */
export type FeatureReader = {
  /** What the cache knows the features of some images by. @throws EngineFailure for a missing image. */
  keyOf(paths: ImagePaths): string;
  /** Features that the cache holds. */
  find(key: string): Float32Array | undefined;
  /** The features of some images. @throws EngineFailure for a missing or unreadable image. */
  read(paths: ImagePaths): Float32Array;
  /** The same, of files that are read already. */
  of(files: ImageFiles): Float32Array;
} & Pick<FeatureCache, "flush" | "refresh" | "close">;

/** Opens a reader of the features of pairs, `PAIR_FEATURES` values each. */
export function openPairReader(place: CachePlace | undefined): FeatureReader {
  const cache = openFeatureCache(place, PAIR_KIND, PAIR_FEATURES);
  return featureReader(cache, PAIR_KIND, ([test, golden = fileAt("")]) =>
    describePair(compareImages(grayOf(test), grayOf(golden))),
  );
}

/** A reader that looks features up by image content in a cache before it computes them. */
export function featureReader(
  cache: FeatureCache,
  kind: string,
  compute: (files: ImageFiles) => Float32Array,
): FeatureReader {
  const keyOf = ([test, golden]: ImageFiles) =>
    contentKey(kind, golden === undefined ? [test.bytes] : [test.bytes, golden.bytes]);
  const of = (files: ImageFiles) => {
    const key = keyOf(files);
    const known = cache.get(key);
    if (known !== undefined) return known;
    const features = compute(files);
    cache.put(key, features);
    return features;
  };
  return {
    keyOf: (paths) => keyOf(filesAt(paths)),
    find: cache.get,
    read: (paths) => of(filesAt(paths)),
    of,
    flush: cache.flush,
    refresh: cache.refresh,
    close: cache.close,
  };
}

/** The gray levels of an image. @throws EngineFailure for one that cannot be read. */
export function grayOf({ path, bytes, gray }: ImageFile): Gray {
  return gray ?? decodeGray(bytes, path);
}

function filesAt([test, golden]: ImagePaths): ImageFiles {
  return [fileAt(test), golden === undefined ? undefined : fileAt(golden)];
}

function fileAt(path: string): ImageFile {
  return { path, bytes: readImageFile(path) };
}

/** The bytes of an image file. @throws EngineFailure `FileNotFoundError` in the wording of TAO's loader. */
export function readImageFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new EngineFailure("FileNotFoundError", `Image file wasn't found at ${path}`, { cause: error });
  }
}
