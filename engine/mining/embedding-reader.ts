import { decodeGray } from "../image/decode.ts";
import { type CachePlace, contentKey, type FeatureCache, openFeatureCache } from "../pair/feature-cache.ts";
import { openPairReader, readImageFile } from "../pair/pair-reader.ts";
import { EMBEDDING_KIND, EMBEDDING_SIZE, embedImage } from "./embedding.ts";

/** Turns image files, each with its golden image where it has one, into embeddings. */
export type EmbeddingReader = {
  /** The embedding of an image. @throws EngineFailure for a missing or unreadable image. */
  read(path: string, golden: string | undefined): Float32Array;
  /** Whether the cache holds it. @throws EngineFailure for a missing image. */
  knows(path: string, golden: string | undefined): boolean;
} & Pick<FeatureCache, "flush" | "refresh" | "close">;

/** Opens a reader that looks embeddings up by image content in a cache before it computes them. */
export function openEmbeddingReader(place: CachePlace | undefined): EmbeddingReader {
  const cache = openFeatureCache(place, EMBEDDING_KIND, EMBEDDING_SIZE);
  const pairs = openPairReader(place);
  const both = (work: "flush" | "refresh" | "close") => () => {
    cache[work]();
    pairs[work]();
  };
  const keyOf = (bytes: Uint8Array, golden: string | undefined) =>
    contentKey(EMBEDDING_KIND, golden === undefined ? [bytes] : [bytes, readImageFile(golden)]);
  return {
    read(path, golden) {
      const bytes = readImageFile(path);
      const key = keyOf(bytes, golden);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const image = decodeGray(bytes, path);
      const vector = embedImage(image, golden === undefined ? undefined : pairs.read(path, golden, image));
      cache.put(key, vector);
      return vector;
    },
    knows: (path, golden) => cache.get(keyOf(readImageFile(path), golden)) !== undefined,
    flush: both("flush"),
    refresh: both("refresh"),
    close: both("close"),
  };
}
