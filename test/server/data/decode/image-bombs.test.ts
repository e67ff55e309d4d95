import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { EngineFailure } from "../../../../engine/failure.ts";
import { decodePixels as decodeInEngine } from "../../../../engine/image/decode.ts";
import { decodePixels } from "../../../../server/data/decode/decode-image.ts";
import { grayLevels } from "../../../../server/data/decode/gray-levels.ts";
import { imageHeader } from "../../../../server/data/image-header.ts";
import { limits } from "../../../../server/fs/limits.ts";
import { readBytes } from "../../../../server/fs/read.ts";
import { cpuMs } from "../../../support/cpu.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const folder = temporaryFolders();
const slowMs = 5000;
const memoryBytes = 600e6;

const start = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(sumOf(body));
  return Buffer.concat([length, body, check]);
}

/** Node 20 has `crc32` from its 15th minor version on. */
function sumOf(bytes: Uint8Array): number {
  return crc32(bytes);
}

type Png = { width: number; height: number; depth?: number; colour?: number; interlace?: number };

function png({ width, height, depth = 8, colour = 0, interlace = 0 }: Png, rows: Uint8Array): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlace], 8);
  return Buffer.concat([start, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]);
}

const zeros = (bytes: number) => deflateSync(Buffer.alloc(bytes), { level: 9 });
const photo = jpeg.encode({ width: 64, height: 64, data: Buffer.alloc(64 * 64 * 4, 90) }, 80).data;

function jpegOf(width: number, height: number): Buffer {
  const bytes = Buffer.from(photo);
  const frame = bytes.indexOf(Buffer.of(0xff, 0xc0));
  bytes.writeUInt16BE(height, frame + 5);
  bytes.writeUInt16BE(width, frame + 7);
  return bytes;
}

/** A large header, and so many scans of nothing that going over the image once for each would take minutes. */
function manyScans(): Buffer {
  const bytes = jpegOf(7900, 7900);
  bytes[bytes.indexOf(Buffer.of(0xff, 0xc0)) + 1] = 0xc2;
  const scan = Buffer.of(0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0xff, 0x00);
  const end = Buffer.of(0xff, 0xd9);
  return Buffer.concat([bytes.subarray(0, -2), ...Array<Buffer>(20_000).fill(scan), end]);
}

const bombs: readonly (readonly [name: string, make: () => Uint8Array])[] = [
  ["a PNG of 100,000 x 100,000", () => png({ width: 100_000, height: 100_000 }, zeros(100_000))],
  ["a PNG as large as a header can say", () => png({ width: 2 ** 31 - 1, height: 2 ** 31 - 1 }, zeros(1000))],
  [
    "a PNG of 16 bits a sample above the rows' limit",
    () => png({ width: 7900, height: 7900, depth: 16, colour: 6 }, zeros(9e6)),
  ],
  ["a small interlaced PNG that inflates to 2 GB", () => png({ width: 64, height: 64, interlace: 1 }, bigZeros())],
  ["a PNG without rows", () => png({ width: 64, height: 64 }, Buffer.alloc(0))],
  ["a PNG of no width", () => png({ width: 0, height: 64 }, zeros(64))],
  ["a PNG of no height", () => png({ width: 64, height: 0 }, zeros(64))],
  ["a PNG cut short", () => png({ width: 64, height: 64 }, zeros(65 * 64)).subarray(0, 50)],
  ["a PNG that is its first bytes", () => start],
  ["a JPEG of 65,535 x 65,535", () => jpegOf(65_535, 65_535)],
  ["a JPEG of no width", () => jpegOf(0, 64)],
  ["a JPEG of no height", () => jpegOf(64, 0)],
  ["a JPEG cut short", () => photo.subarray(0, photo.length >> 1)],
  ["a JPEG of 20,000 scans", manyScans],
  ["a JPEG that is its first bytes", () => Buffer.of(0xff, 0xd8)],
  ["nothing", () => new Uint8Array(0)],
];

/** Two gigabytes of zeros, deflated: pieces of one stream, so that the test needs no such memory. */
function bigZeros(): Uint8Array {
  const block = deflateSync(Buffer.alloc(64e6), { level: 9, finishFlush: 3 });
  const raw = block.subarray(2);
  return Buffer.concat([block.subarray(0, 2), ...Array<Uint8Array>(32).fill(raw)]);
}

/** The most that this process ever held: what a reader takes and gives back counts too. */
function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

describe.each(bombs)("%s", (_, make) => {
  const bytes = make();
  it.each([
    ["the server", (image: Uint8Array) => decodePixels(image)],
    ["a comparison of contents", (image: Uint8Array) => grayLevels(image)],
    ["a sketch of its first rows", (image: Uint8Array) => grayLevels(image, 16)],
    [
      "the engine",
      (image: Uint8Array) => {
        try {
          return decodeInEngine(image, "image");
        } catch (error) {
          expect(error).toBeInstanceOf(EngineFailure);
          return undefined;
        }
      },
    ],
  ])("is no image to %s, soon and in little memory", (_reader, read) => {
    const [began, before] = [cpuMs(), peakBytes()];
    expect(read(bytes)).toBeUndefined();
    expect(cpuMs() - began).toBeLessThan(slowMs);
    expect(peakBytes() - before).toBeLessThan(memoryBytes);
  });
});

describe("images", () => {
  it("that are interlaced, deep or of many scans but honest are decoded", () => {
    const plain = new PNG({ width: 8, height: 8 });
    plain.data.fill(200);
    expect(decodePixels(PNG.sync.write(plain))?.data.length).toBe(256);
    // 8x8, gray, interlaced: seven passes of 1+2, 1+2, ... bytes.
    const passes = [
      [1, 1],
      [1, 1],
      [2, 1],
      [2, 2],
      [4, 2],
      [4, 4],
      [8, 4],
    ] as const;
    const rows = passes.flatMap(([width, height]) =>
      Array(height)
        .fill([0, ...Array(width).fill(77)])
        .flat(),
    );
    const image = decodePixels(png({ width: 8, height: 8, interlace: 1 }, deflateSync(Buffer.from(rows))));
    expect([image?.width, image?.height, image?.data[0]]).toEqual([8, 8, 77]);
    expect(decodePixels(photo)?.width).toBe(64);
  });

  const noise = deflateSync(Buffer.from(Array.from({ length: 64 * 65 }, (_, at) => (at % 65 === 0 ? 0 : at * at))));
  const without = (bytes: number) => noise.subarray(0, noise.length - bytes);
  it.each([
    ["no rows", Buffer.alloc(0)],
    ["half of their rows", without(noise.length >> 1)],
    ["rows that are spoiled", Buffer.concat([without(noise.length - 300), Buffer.alloc(20), noise.subarray(320)])],
    ["a checksum that is wrong", Buffer.concat([without(4), Buffer.alloc(4)])],
  ])("of %s are none, whatever is in the memory that they would fill", (_, rows) => {
    const bytes = png({ width: 64, height: 64 }, rows);
    for (let time = 0; time < 100; time++) expect(decodePixels(bytes)).toBeUndefined();
  });

  it("whose rows go on for gigabytes are read as far as is asked, and refused as a whole, in little memory", () => {
    const bytes = png({ width: 7900, height: 7900 }, bigZeros());
    const before = peakBytes();
    expect(grayLevels(bytes, 16)?.data.length).toBe(16 * 7900);
    expect(grayLevels(bytes)).toBeUndefined();
    expect(decodePixels(bytes)).toBeUndefined();
    expect(peakBytes() - before).toBeLessThan(memoryBytes);
  });

  it("of a file above the limit are refused unread", async () => {
    const path = join(await folder(), "large.png");
    await writeFile(path, start);
    await truncate(path, limits.image_bytes + 1);
    expect((await refusalOf(() => readBytes(path))).facts).toMatchObject({ limit_bytes: limits.image_bytes });
  });

  it("with spoiled bytes give pixels or nothing, never for seconds", async () => {
    const interlaced = png({ width: 64, height: 64, interlace: 1 }, zeros(64 * 66));
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(Uint8Array.from(photo), interlaced), flips, async (base, changes) => {
        const bytes = Uint8Array.from(base);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const began = cpuMs();
        const pixels = decodePixels(bytes);
        const header = imageHeader(bytes, (position) => bytes.subarray(position));
        if (pixels !== undefined) expect(pixels.data.length).toBe(4 * (header?.width ?? 0) * (header?.height ?? 0));
        expect(cpuMs() - began).toBeLessThan(slowMs);
      }),
      { numRuns: 300 },
    );
  });
});
