import { inflateSync } from "node:zlib";

/** Bytes of the decompressed rows: four of 8 bits for each of 64 million pixels. */
const rowBytes = 256e6;
const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * Throws for a PNG whose rows fill more memory than an image may, by its header or by what they really decompress to.
 * The library bounds the rows of a plain PNG by its header, but inflates an interlaced one whatever comes out.
 */
export function refusePngBomb(bytes: Uint8Array, pixels: number, height: number): void {
  const [depth = 0, colour = 0, , , interlace = 0] = bytes.subarray(24, 29);
  const bits = (samplesOf[colour] ?? 4) * depth;
  if ((pixels * bits) / 8 > rowBytes) throw new Error("the rows are larger than an image may be");
  // Seven passes, each row with a filter byte and a rounded end.
  if (interlace !== 0) inflateSync(rowsOf(bytes), { maxOutputLength: (pixels * bits) / 8 + 14 * (height + 8) });
}

/** The compressed rows: the IDAT chunks one after the other. */
function rowsOf(bytes: Uint8Array): Buffer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: Uint8Array[] = [];
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    if (type === 0x49444154) pieces.push(bytes.subarray(at + 8, at + 8 + length));
    else if (type === 0x49454e44) break;
    at += 12 + length;
  }
  return Buffer.concat(pieces);
}
