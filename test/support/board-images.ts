import jpeg from "jpeg-js";
import { PNG } from "pngjs";

const side = 96;

/** A solder joint as a grey ramp with a pad; `blob` puts a dark spot on it. */
function pixels(blob?: { x: number; y: number }): Buffer {
  const data = Buffer.alloc(side * side * 4, 255);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const pad = x > 24 && x < 72 && y > 36 && y < 60;
      const spot = blob !== undefined && (x - blob.x) ** 2 + (y - blob.y) ** 2 < 64;
      const at = (y * side + x) * 4;
      data[at] = spot ? 20 : pad ? 210 : 30 + x / 3;
      data[at + 1] = spot ? 20 : pad ? 200 : 90 + y / 3;
      data[at + 2] = spot ? 25 : pad ? 160 : 50;
    }
  }
  return data;
}

const made = new Map<string, Uint8Array>();

/** Encoding is slow beside everything else, so each image is made once a process. */
function once(name: string, make: () => Uint8Array): Uint8Array {
  const image = made.get(name) ?? make();
  made.set(name, image);
  return image;
}

const asJpeg = (data: Buffer) => jpeg.encode({ width: side, height: side, data }, 85).data;

function asPng(data: Buffer): Buffer {
  const png = new PNG({ width: side, height: side });
  data.copy(png.data);
  return PNG.sync.write(png);
}

/** The part number `at` as a JPEG, with a spot at a place of its own. */
export function partImage(at: number): Uint8Array {
  return once(`part ${at}`, () => asJpeg(pixels({ x: 30 + ((at * 7) % 40), y: 40 + ((at * 5) % 16) })));
}

/** The golden image of every part as a JPEG. */
export function goldenImage(): Uint8Array {
  return once("golden", () => asJpeg(pixels()));
}

/** A generated defect and the clean image it was made from, as PNG. */
export function generatedPair(): { ng: Uint8Array; ok: Uint8Array } {
  return {
    ng: once("generated", () => asPng(pixels({ x: 48, y: 48 }))),
    ok: once("clean", () => asPng(pixels())),
  };
}
