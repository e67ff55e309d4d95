import { describe, expect, it } from "@jest/globals";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { imageHeader } from "../../../server/data/image-header.ts";

const pixels = (width: number, height: number) => ({ width, height, data: Buffer.alloc(width * height * 4, 90) });
const photo = jpeg.encode(pixels(48, 32), 80).data;

/** Reads the header as from a file of which only the first `head` bytes were read at first. */
function header(file: Uint8Array, head = 1024) {
  return imageHeader(file.subarray(0, head), (position) => file.subarray(position, position + 1024));
}

function webp(kind: string, write: (bytes: Buffer) => unknown): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write("RIFF");
  bytes.write(`WEBP${kind}`, 8);
  write(bytes);
  return bytes;
}

/** A TIFF of nothing but its directory, `at` bytes into the file. */
function tiff(entries: Record<number, number>, little = true, at = 8): Buffer {
  const bytes = Buffer.alloc(at + 2 + Object.keys(entries).length * 12 + 4);
  const [two, four] = little
    ? [
        (value: number, to: number) => bytes.writeUInt16LE(value, to),
        (value: number, to: number) => bytes.writeUInt32LE(value, to),
      ]
    : [
        (value: number, to: number) => bytes.writeUInt16BE(value, to),
        (value: number, to: number) => bytes.writeUInt32BE(value, to),
      ];
  bytes.write(little ? "II" : "MM");
  two(42, 2);
  four(at, 4);
  two(Object.keys(entries).length, at);
  for (const [number, [tag, value]] of Object.entries(entries).entries()) {
    const place = at + 2 + number * 12;
    two(Number(tag), place);
    two(3, place + 2);
    four(1, place + 4);
    two(value, place + 8);
  }
  return bytes;
}

describe("image header", () => {
  it("gives format and size of a JPEG, a PNG and a BMP", () => {
    const picture = PNG.sync.write(Object.assign(new PNG({ width: 7, height: 5 }), pixels(7, 5)));
    const bitmap = Buffer.alloc(54);
    bitmap.write("BM");
    bitmap.writeInt32LE(6, 18);
    bitmap.writeInt32LE(-4, 22);
    expect(header(photo)).toEqual({ format: "jpeg", width: 48, height: 32 });
    expect(header(picture)).toEqual({ format: "png", width: 7, height: 5 });
    expect(header(bitmap)).toEqual({ format: "bmp", width: 6, height: 4 });
  });

  it.each<[string, Buffer, object]>([
    [
      "extended",
      webp("VP8X", (bytes) => bytes.writeUIntLE(6, 24, 3) + bytes.writeUIntLE(4, 27, 3)),
      { width: 7, height: 5 },
    ],
    [
      "lossy",
      webp("VP8 ", (bytes) => bytes.writeUInt16LE(7, 26) + bytes.writeUInt16LE(5, 28)),
      { width: 7, height: 5 },
    ],
    [
      "lossless",
      webp("VP8L", (bytes) => bytes.writeUInt8(0x2f, 20) + bytes.writeUInt32LE(6 | (4 << 14), 21)),
      { width: 7, height: 5 },
    ],
  ])("gives the size of a WebP, %s", (_, file, size) => expect(header(file)).toEqual({ format: "webp", ...size }));

  it.each([
    ["little-endian, 8 bits", tiff({ 256: 7, 257: 5, 258: 8, 277: 1 }), {}],
    ["big-endian, 16 bits of gray", tiff({ 256: 7, 257: 5, 258: 16, 277: 1 }, false), { deep: true }],
    ["16 bits of colour", tiff({ 256: 7, 257: 5, 258: 16, 277: 3 }), {}],
    ["fractions", tiff({ 256: 7, 257: 5, 258: 8, 339: 3 }), { deep: true }],
    ["its directory behind the pixels", tiff({ 256: 7, 257: 5, 258: 8 }, true, 5000), {}],
  ])("gives size and depth of a TIFF: %s", (_, file, deep) => {
    expect(header(file)).toEqual({ format: "tiff", width: 7, height: 5, ...deep });
  });

  it("tells gray of 16 bits in a PNG", () => {
    const data = Buffer.alloc(7 * 5 * 8);
    const gray = PNG.sync.write(Object.assign(new PNG({ width: 7, height: 5 }), { data }), {
      colorType: 0,
      bitDepth: 16,
    });
    const colour = PNG.sync.write(Object.assign(new PNG({ width: 7, height: 5 }), { data }), {
      colorType: 2,
      bitDepth: 16,
    });
    expect(header(gray)).toEqual({ format: "png", width: 7, height: 5, deep: true });
    expect(header(colour)).toEqual({ format: "png", width: 7, height: 5 });
  });

  it("finds the size behind a camera's preview, however little was read at first", () => {
    const preview = Buffer.concat([Buffer.from([0xff, 0xe1, 0xc0, 0x02]), Buffer.alloc(0xc000)]);
    const file = Buffer.concat([photo.subarray(0, 2), preview, Buffer.from([0xff, 0xff]), photo.subarray(3)]);
    for (const head of [2, 3, 64, 1024]) expect(header(file, head)).toMatchObject({ width: 48, height: 32 });
  });

  it.each<[string, Uint8Array]>([
    ["nothing", Buffer.alloc(0)],
    ["two bytes", photo.subarray(0, 2)],
    ["a JPEG that begins to end", Buffer.from([0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0, 0, 0, 0])],
    ["a JPEG of rubbish", Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(60, 1)])],
    ["segments without end", Buffer.concat([photo.subarray(0, 2), Buffer.alloc(9000, 0xff)])],
    ["a PNG of no size", Buffer.from("89504e470d0a1a0a0000000d494844520000000000000000", "hex")],
    ["a GIF", Buffer.from("GIF89a............................")],
    ["text", Buffer.from("BM: a short text")],
  ])("%s is no image", (_, file) => expect(header(file)).toBeUndefined());
});
