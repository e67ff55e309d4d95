import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { type CachePlace, contentKey, openFeatureCache } from "../../engine/pair/feature-cache.ts";
import { PAIR_FEATURES, PAIR_KIND } from "../../engine/pair/features.ts";
import { type FeatureReader, openPairReader } from "../../engine/pair/pair-reader.ts";
import { randomStream } from "../../engine/random.ts";
import { drawBoard, temporaryFolder, withDisc, writeJpeg } from "./support.ts";

const key = "the key of this user";
const pairs = 6;

/** Images of some parts with their golden ones, and a cache that a first reading has filled. */
function filled() {
  const folder = temporaryFolder();
  const images = Array.from({ length: pairs }, (_, seed) => {
    const [test, golden] = [join(folder, `${seed}.jpg`), join(folder, `${seed}_golden.jpg`)];
    writeJpeg(golden, drawBoard(seed));
    writeJpeg(test, withDisc(drawBoard(seed), 40, 30 + seed, 5, 20));
    return [test, golden] as const;
  });
  const place: CachePlace = { directory: join(folder, "cache"), key };
  const read = (from: CachePlace | undefined) => {
    const reader = openPairReader(from);
    const features = images.map((paths) => Array.from(reader.read(paths)));
    reader.close();
    return features;
  };
  const truth = read(undefined);
  expect(read(place)).toEqual(truth);
  return { images, place, read, truth };
}

describe("features of pairs", () => {
  it("are the same with every file of the cache deleted or spoiled at a place of chance", () => {
    const { place, read, truth } = filled();
    const random = randomStream(17);
    for (let round = 0; round < 60; round++) {
      const names = readdirSync(place.directory).filter((name) => name.endsWith(".bin"));
      const path = join(place.directory, names[Math.floor(random() * names.length)] ?? "");
      const bytes = readFileSync(path);
      const at = Math.floor(random() * bytes.length);
      const how = Math.floor(random() * 4);
      if (how === 0) rmSync(path);
      else if (how === 1) writeFileSync(path, bytes.subarray(0, at));
      else if (how === 2) writeFileSync(path, Buffer.concat([bytes, bytes]));
      else {
        bytes[at] = (bytes[at] ?? 0) ^ (1 + Math.floor(random() * 255));
        writeFileSync(path, bytes);
      }
      expect(read(place)).toEqual(truth);
    }
  });

  it("are the same with features of another part put in under the right key of content", () => {
    const { images, place, read, truth } = filled();
    rmSync(place.directory, { recursive: true });
    mkdirSync(place.directory);
    const forged = openFeatureCache({ ...place, key: "a key of somebody else's" }, PAIR_KIND, PAIR_FEATURES);
    for (const [test, golden] of images) {
      forged.put(contentKey(PAIR_KIND, [readFileSync(test), readFileSync(golden)]), new Float32Array(PAIR_FEATURES));
    }
    forged.close();
    expect(readdirSync(place.directory).length).toBe(1);
    expect(read(place)).toEqual(truth);
  });

  it("are found again by who has the key", () => {
    const { images, place } = filled();
    const reader = openPairReader(place);
    const knows = ({ find, keyOf }: FeatureReader) => images.map((paths) => find(keyOf(paths)) !== undefined);
    expect(knows(reader)).toEqual(images.map(() => true));
    const stranger = openPairReader({ ...place, key: "another" });
    expect(knows(stranger)).toEqual(images.map(() => false));
  });

  it("are written before they are too many, and found by who was there before", () => {
    const directory = temporaryFolder();
    const place: CachePlace = { directory, key };
    const [writer, other] = [openFeatureCache(place, "kind", 2048), openFeatureCache(place, "kind", 2048)];
    const [count, keyOf] = [6000, (at: number) => contentKey("kind", [Buffer.from(String(at))])];
    for (let at = 0; at < count; at++) writer.put(keyOf(at), new Float32Array(2048).fill(at));
    expect(readdirSync(directory).length).toBe(1);
    expect(other.get(keyOf(0))).toBeUndefined();
    writer.flush();
    expect(readdirSync(directory).length).toBe(2);
    other.refresh();
    for (const cache of [writer, other, openFeatureCache(place, "kind", 2048)]) {
      for (const at of [0, 3333, count - 1]) expect(cache.get(keyOf(at))).toEqual(new Float32Array(2048).fill(at));
      expect(cache.get(keyOf(count))).toBeUndefined();
      cache.close();
    }
  });
});
