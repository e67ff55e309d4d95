import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { decodePixels, isDecodable } from "../../../../server/data/decode/decode-image.ts";
import { luma } from "../../../../server/data/decode/gray-image.ts";
import { grayLevels } from "../../../../server/data/decode/gray-levels.ts";
import { cpuMs } from "../../../support/cpu.ts";
import { fuzzCases } from "../../../support/soak.ts";

type Size = { width: number; height: number };

/** Colours that vary smoothly with some noise, as a photograph does. */
function picture({ width, height }: Size, seed: number, gray = false): Buffer {
  const data = Buffer.alloc(width * height * 4, 255);
  for (let at = 0; at < width * height; at++) {
    const noise = (Math.imul(at + seed, 2654435761) >>> 24) / 8;
    for (let channel = 0; channel < 3; channel++) {
      const wave = 120 + 100 * Math.sin((at % width) / (7 + channel) + seed + at / width / 9);
      data[4 * at + channel] = gray && channel > 0 ? (data[4 * at] ?? 0) : Math.max(0, Math.min(255, wave + noise));
    }
  }
  return data;
}

function pngOf(size: Size, data: Buffer, options: { colorType: 0 | 2 | 4 | 6 }): Buffer {
  const png = new PNG({ ...size });
  png.data = data;
  return PNG.sync.write(png, options);
}

/** Largest difference from what the general decoders give, over the rows of `own`. */
function worst(own: { width: number; data: Uint8Array }, bytes: Uint8Array): number {
  const { data } = decodePixels(bytes) ?? { data: new Uint8Array() };
  let most = 0;
  for (const [at, level] of own.data.entries()) {
    const other = luma(data[4 * at] ?? 0, data[4 * at + 1] ?? 0, data[4 * at + 2] ?? 0);
    most = Math.max(most, Math.abs(level - other));
  }
  return most;
}

const sizes: Size[] = [
  { width: 96, height: 96 },
  { width: 7, height: 5 },
  { width: 250, height: 33 },
];

describe("gray levels of an image", () => {
  it.each(sizes)("of a $width x $height JPEG are those of the general decoder but for rounding", (size) => {
    for (const quality of [20, 75, 98]) {
      const bytes = jpeg.encode({ ...size, data: picture(size, quality) }, quality).data;
      const whole = grayLevels(bytes);
      expect(whole).toMatchObject(size);
      expect(whole && worst(whole, bytes)).toBeLessThanOrEqual(2);
    }
  });

  it.each(sizes)("of a $width x $height PNG are exact, whatever its colours", (size) => {
    for (const colorType of [0, 2, 4, 6] as const) {
      const bytes = pngOf(size, picture(size, colorType, colorType === 0 || colorType === 4), { colorType });
      const whole = grayLevels(bytes);
      expect(whole).toMatchObject(size);
      expect(whole && worst(whole, bytes)).toBe(0);
    }
  });

  it("are those of neither decoder where a PNG has more rows than its header says", () => {
    const [size, longer] = [
      { width: 40, height: 40 },
      { width: 40, height: 41 },
    ];
    const [plain, long] = [size, longer].map((one) => pngOf(one, picture(one, 1), { colorType: 2 })) as [
      Buffer,
      Buffer,
    ];
    const header = 33;
    const mixed = Buffer.concat([plain.subarray(0, header), long.subarray(header)]);
    expect([grayLevels(plain), decodePixels(plain)]).toMatchObject([size, size]);
    expect([grayLevels(mixed), decodePixels(mixed)]).toEqual([undefined, undefined]);
  });

  it("of the first rows are the first rows of the whole, also from the beginning of a file", () => {
    const size = { width: 800, height: 400 };
    const data = picture(size, 3);
    for (const bytes of [jpeg.encode({ ...size, data }, 80).data, pngOf(size, data, { colorType: 2 })]) {
      const whole = grayLevels(bytes);
      const start = bytes.subarray(0, Math.floor(bytes.length / 2));
      for (const first of [grayLevels(bytes, 16), grayLevels(start, 16, bytes.length)]) {
        expect(first).toMatchObject({ width: 800, height: 16 });
        expect(first?.data).toEqual(whole?.data.subarray(0, 800 * 16));
      }
      expect(grayLevels(bytes.subarray(0, 700), 16, bytes.length)).toBeUndefined();
    }
  });

  it("are not looked for where a header promises more pixels than memory or the file can hold", () => {
    const size = { width: 64, height: 64 };
    const small = Buffer.from(jpeg.encode({ ...size, data: picture(size, 1) }, 80).data);
    const frame = small.indexOf(Buffer.from([0xff, 0xc0]));
    for (const [width, height] of [
      [60_000, 60_000],
      [8000, 8000],
    ] as const) {
      small.writeUInt16BE(height, frame + 5);
      small.writeUInt16BE(width, frame + 7);
      const png = pngOf(size, picture(size, 1), { colorType: 2 });
      png.writeUInt32BE(width, 16);
      png.writeUInt32BE(width * 40, 20);
      for (const bomb of [small, png]) {
        const began = cpuMs();
        expect(isDecodable(bomb)).toBe(false);
        expect(grayLevels(bomb)).toBeUndefined();
        expect(decodePixels(bomb)).toBeUndefined();
        expect(cpuMs() - began).toBeLessThan(500);
      }
    }
  });

  it("are never wrong by a crash: spoiled bytes give levels or nothing", () => {
    const size = { width: 40, height: 40 };
    const bases = [
      jpeg.encode({ ...size, data: picture(size, 5) }, 80).data,
      pngOf(size, picture(size, 5), { colorType: 2 }),
    ].map((bytes) => Uint8Array.from(bytes));
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...bases), flips, fc.constantFrom(undefined, 16), (base, changes, rows) => {
        const bytes = Uint8Array.from(base);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const began = cpuMs();
        const gray = grayLevels(bytes, rows);
        if (gray !== undefined) expect(gray.data).toHaveLength(gray.width * gray.height);
        expect(cpuMs() - began).toBeLessThan(5000);
      }),
      { numRuns: fuzzCases },
    );
  });
});
