import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { encodeGrayJpeg } from "../../../../engine/workspace/gray-jpeg.ts";
import { decodePixels } from "../../../../server/data/decode/decode-image.ts";
import { exactTransform } from "../../../../server/data/decode/exact-block.ts";
import { jpegGray } from "../../../../server/data/decode/jpeg-gray.ts";
import { fuzzCases } from "../../../support/soak.ts";

/** Levels as the general decoder gives them, whose three colours of a gray image are equal. */
function generally(bytes: Uint8Array): Uint8Array | undefined {
  const pixels = decodePixels(bytes);
  return pixels?.data.filter((_, at) => at % 4 === 0);
}

/** From flat over smooth to noise, and to levels that swing past black and white. */
const images = fc.tuple(
  fc.constantFrom(8, 24, 64),
  fc.constantFrom(5, 50, 88, 100),
  fc.integer({ min: 0, max: 255 }),
  fc.integer({ min: 0, max: 255 }),
  fc.infiniteStream(fc.integer({ min: -128, max: 127 })),
);
const jpegs = images.map(([side, quality, level, swing, noise]) => {
  const gray = Uint8ClampedArray.from({ length: side * side }, () => level + (swing * (noise.next().value ?? 0)) / 64);
  return encodeGrayJpeg(Uint8Array.from(gray), side, quality);
});

describe("the short way through a gray JPEG", () => {
  it("gives the very levels of the general decoder", () => {
    fc.assert(
      fc.property(jpegs, (bytes) => {
        const short = jpegGray(bytes, undefined, exactTransform);
        expect(Buffer.from(short?.data ?? []).equals(generally(bytes) ?? Buffer.from("none"))).toBe(true);
      }),
      { numRuns: fuzzCases },
    );
  });

  it("gives none where data ends early: the general decoder says what is wrong", () => {
    fc.assert(
      fc.property(jpegs, fc.nat(), (bytes, cut) => {
        const scan = Buffer.from(bytes).indexOf(Buffer.of(0xff, 0xda)) + 10;
        const end = scan + (cut % Math.max(1, bytes.length - 4 - scan));
        const early = Buffer.concat([bytes.subarray(0, end), Buffer.of(0xff, 0xd9)]);
        expect(jpegGray(early, undefined, exactTransform)).toBeUndefined();
      }),
      { numRuns: fuzzCases },
    );
  });

  it("is for gray images alone", async () => {
    const { encode } = await import("jpeg-js");
    const bytes = encode({ width: 16, height: 16, data: Buffer.alloc(16 * 16 * 4, 90) }, 80).data;
    expect(jpegGray(bytes, undefined, exactTransform)).toBeUndefined();
    expect(jpegGray(bytes)).toMatchObject({ width: 16, height: 16 });
  });
});
