import { describe, expect, it } from "@jest/globals";
import jpeg from "jpeg-js";
import { encodeGrayJpeg } from "../../../engine/workspace/gray-jpeg.ts";

function wavy(side: number): Uint8Array {
  return Uint8Array.from({ length: side * side }, (_, i) => {
    return 128 + 90 * Math.sin((i % side) / 5) * Math.cos(Math.floor(i / side) / 7);
  });
}

function decodedLevels(bytes: Uint8Array): number[] {
  const image = jpeg.decode(bytes, { useTArray: true });
  return [...Array(image.width * image.height).keys()].map((i) => image.data[4 * i] ?? -1);
}

describe("gray JPEG", () => {
  it("decodes to the levels that were encoded, within the loss of the quality", () => {
    const gray = wavy(64);
    const back = decodedLevels(encodeGrayJpeg(gray, 64, 95));
    const worst = Math.max(...back.map((level, i) => Math.abs(level - (gray[i] ?? 0))));
    expect(worst).toBeLessThanOrEqual(6);
  });

  it.each([0, 255])("keeps an image of level %i alone", (level) => {
    expect(new Set(decodedLevels(encodeGrayJpeg(new Uint8Array(256).fill(level), 16, 90)))).toEqual(new Set([level]));
  });

  it("survives the sharpest image: single pixels of black and white", () => {
    const gray = Uint8Array.from({ length: 1024 }, (_, i) => (((i % 32) + Math.floor(i / 32)) % 2 === 0 ? 0 : 255));
    const back = decodedLevels(encodeGrayJpeg(gray, 32, 98));
    const worst = Math.max(...back.map((level, i) => Math.abs(level - (gray[i] ?? 0))));
    expect(worst).toBeLessThanOrEqual(16);
  });
});
