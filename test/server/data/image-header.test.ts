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
