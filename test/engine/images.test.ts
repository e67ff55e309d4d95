import { describe, expect, it } from "@jest/globals";
import { PNG } from "pngjs";
import { decodeGray } from "../../engine/image/decode.ts";
import { encodePng } from "../../engine/image/encode.ts";
import { type Gray, resizeGray } from "../../engine/image/gray.ts";
import { float32Text } from "../../engine/model/score.ts";
import { compareImages } from "../../engine/pair/evidence.ts";
import { describePair, PAIR_FEATURES, pairUnits } from "../../engine/pair/features.ts";
import { moveGolden } from "../../engine/pair/motion.ts";
import { drawBoard, withDefect } from "./support.ts";

const shifted = (image: Gray, dx: number, dy: number, turn: number): Gray => ({
  ...image,
  data: moveGolden(image, { dx, dy, turn }).level,
});
const strongest = (maps: Float32Array[]) =>
  Math.max(...maps.flatMap((map) => Array.from(map.subarray(96 * 8, 96 * 88))));

describe("comparing a pair", () => {
  it.each([
    [2.5, -1.5, 0],
    [0, 0, 0.026],
    [-3, 2, -0.015],
  ])("a good part moved by %s, %s px and turned by %s rad shows no change of material", (dx, dy, turn) => {
    const golden = drawBoard(12);
    const { rise, fall } = compareImages(shifted(golden, dx, dy, turn), golden);
    expect(strongest([rise[1] as Float32Array, fall[1] as Float32Array])).toBeLessThan(0.35);
  });

  it("a good part under other gain, offset and slope of light shows none either", () => {
    const golden = drawBoard(12);
    const data = golden.data.map((level, p) => level * 0.85 + 12 + (p % 96) * 0.2);
    const { rise, fall } = compareImages({ ...golden, data }, golden);
    expect(strongest([rise[1] as Float32Array, fall[1] as Float32Array])).toBeLessThan(0.3);
  });

  it("a defect stays visible under the same conditions", () => {
    const golden = drawBoard(12);
    const test = shifted(withDefect(golden, 4), 2, 1, 0.02);
    const { rise, fall } = compareImages({ ...test, data: test.data.map((level) => level * 0.85 + 12) }, golden);
    expect(strongest([...rise, ...fall])).toBeGreaterThan(0.6);
  });

  it("has one unit for each feature, and finite features for a featureless pair", () => {
    const flat = { width: 96, height: 96, data: new Float32Array(9216).fill(70) };
    const features = describePair(compareImages(flat, flat));
    expect([features.length, pairUnits().length]).toEqual([PAIR_FEATURES, PAIR_FEATURES]);
    expect(features.every(Number.isFinite)).toBe(true);
  });

  it("takes images of unequal size", () => {
    const golden = drawBoard(12);
    const { rise, fall } = compareImages(resizeGray(golden, 140, 120), golden);
    expect(strongest([...rise, ...fall])).toBeLessThan(0.5);
  });
});

describe("reading images", () => {
  it("reads 16-bit and colour PNG as gray", () => {
    const image = drawBoard(2);
    expect(decodeGray(encodePng(image), "a").data[0]).toBeCloseTo(image.data[0] as number, 0);
    const deep = new PNG({ width: 2, height: 1 });
    deep.data = Buffer.from(new Uint16Array([65535, 65535, 65535, 65535, 25700, 25700, 25700, 65535]).buffer);
    const bytes = PNG.sync.write(deep, { bitDepth: 16, colorType: 2, inputColorType: 6 });
    expect(Array.from(decodeGray(bytes, "b").data, Math.round)).toEqual([255, 100]);
  });

  it("names a file that is no image and one that is cut off", () => {
    expect(() => decodeGray(new TextEncoder().encode("hello"), "x.jpg")).toThrow("cannot identify image file 'x.jpg'");
    expect(() => decodeGray(new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 16]), "y.jpg")).toThrow(
      "image file is truncated",
    );
    expect(() => decodeGray(encodePng(drawBoard(1)).subarray(0, 200), "z.png")).toThrow("broken data stream");
  });
});

describe("score text", () => {
  it.each([
    [0.12345679, "0.12345679"],
    [1e-7, "1e-07"],
    [1, "1.0"],
    [0, "0.0"],
    [0.3, "0.3"],
  ])("%s is written %s", (value, text) => {
    expect(float32Text(Math.fround(value))).toBe(text);
  });
});
