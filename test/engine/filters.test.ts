import { describe, expect, it } from "@jest/globals";
import { boxMean, dilate, erode } from "../../engine/image/filters.ts";
import { peakBoxSums } from "../../engine/pair/peaks.ts";
import { activePixels } from "../../engine/pair/sparse.ts";
import { randomStream } from "../../engine/random.ts";

/** What is inside of the square of `reach` pixels around each pixel, put together by `combine`. */
function around(map: Float32Array, width: number, reach: number, combine: (levels: number[]) => number): Float32Array {
  const height = map.length / width;
  return map.map((_, p) => {
    const [x, y] = [p % width, Math.floor(p / width)];
    const levels: number[] = [];
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
        levels.push(map[row * width + column] as number);
      }
    }
    return combine(levels);
  });
}
const mean = (levels: number[]) => levels.reduce((sum, level) => sum + level, 0) / levels.length;

/** Gray levels of both signs, some of them equal. */
function noise(length: number, seed: number): Float32Array {
  const random = randomStream(seed);
  return new Float32Array(length).map(() => (random() < 0.2 ? 0 : (random() - 0.5) * 600));
}

const sizes: readonly [number, number][] = [
  [96, 96],
  [48, 48],
  [7, 5],
  [2, 2],
  [1, 6],
  [6, 1],
  [1, 1],
  [97, 3],
];

describe.each(sizes)("filters of a map of %i x %i", (width, height) => {
  const map = noise(width * height, width * 100 + height);

  it("dilation and erosion are the highest and the lowest level near by, to the last bit", () => {
    const [highest, lowest] = [map.slice(), map.slice()];
    dilate(highest, width, height);
    erode(lowest, width, height);
    expect(highest).toEqual(around(map, width, 1, (levels) => Math.max(...levels)));
    expect(lowest).toEqual(around(map, width, 1, (levels) => Math.min(...levels)));
  });

  it.each([1, 2, 3])("the mean over %i px each way counts the pixels inside only", (reach) => {
    const levels = map.map((level) => 100 + (level % 100));
    const found = boxMean(levels, width, height, reach);
    const wanted = around(levels, width, reach, mean);
    expect(Math.max(...wanted.map((level, p) => Math.abs(level - (found[p] as number))))).toBeLessThan(1e-3);
  });
});

describe.each([96, 48, 13, 6])("the highest sum over a square of a map of side %i", (side) => {
  /** Sums as float32, as they were defined: a value is added to the sums of all squares that hold it. */
  function summed(map: Float32Array, reach: number): number {
    return Math.max(
      ...around(map, side, reach, (levels) => levels.reduce((sum, level) => Math.fround(sum + level), 0)),
    );
  }

  it.each([
    ["nearly empty", 0.995],
    ["sparse", 0.9],
    ["dense", 0.3],
    ["full", 0],
    ["empty", 1],
  ])("is found where the map is %s", (_, share) => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = randomStream(side * 1000 + seed);
      const map = new Float32Array(side * side).map(() => (random() < share ? 0 : random() * random()));
      const { three, five } = peakBoxSums(map, activePixels(map, 0), side);
      expect(three).toBeCloseTo(summed(map, 1), 5);
      expect(five).toBeCloseTo(summed(map, 2), 5);
    }
  });

  it.each([
    [0, 0],
    [0, 1],
    [1, 1],
  ])("is found in the corner %i, %i", (right, below) => {
    const map = new Float32Array(side * side);
    map[below * (side - 1) * side + right * (side - 1)] = 0.75;
    expect(peakBoxSums(map, activePixels(map, 0), side)).toEqual({ three: 0.75, five: 0.75 });
  });
});
