import { type CachePlace, openFeatureCache } from "../pair/feature-cache.ts";
import { type FeatureReader, featureReader, grayOf, openPairReader } from "../pair/pair-reader.ts";
import { EMBEDDING_KIND, EMBEDDING_SIZE, embedImage } from "./embedding.ts";

/** Opens a reader of the embeddings of images, each with its golden image where it has one. */
export function openEmbeddingReader(place: CachePlace | undefined): FeatureReader {
  const pairs = openPairReader(place);
  const cache = openFeatureCache(place, EMBEDDING_KIND, EMBEDDING_SIZE);
  const reader = featureReader(cache, EMBEDDING_KIND, ([test, golden]) => {
    const gray = grayOf(test);
    return embedImage(gray, golden === undefined ? undefined : pairs.of([{ ...test, gray }, golden]));
  });
  const both = (work: "flush" | "refresh" | "close") => () => {
    reader[work]();
    pairs[work]();
  };
  return { ...reader, flush: both("flush"), refresh: both("refresh"), close: both("close") };
}
