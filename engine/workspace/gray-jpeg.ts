import { zigzag } from "../../server/data/decode/jpeg-block.ts";

/** Bound once: they are called for every pixel. */
const { abs, clz32, floor, max, min, round } = Math;

/** Luminance quantisation of the JPEG standard (ITU T.81, K.1), row by row, for quality 50. */
const quantisers = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

/** Huffman table as a JPEG carries it: symbols by code length; and code and its length by symbol. */
type Table = {
  readonly symbols: readonly (readonly number[])[];
  readonly codes: Uint16Array;
  readonly lengths: Uint8Array;
};

/** Assigns codes as the standard does: counting up within a length, one bit more at every longer one. */
function tableOf(symbolsByLength: Readonly<Record<number, readonly number[]>>): Table {
  const symbols = Array.from({ length: 16 }, (_, i) => symbolsByLength[i + 1] ?? []);
  const table = { symbols, codes: new Uint16Array(256), lengths: new Uint8Array(256) };
  let code = 0;
  for (const [i, ofLength] of symbols.entries()) {
    for (const symbol of ofLength) {
      table.codes[symbol] = code++;
      table.lengths[symbol] = i + 1;
    }
    code <<= 1;
  }
  return table;
}

/** A symbol is a run of zeros (high half) and the bits of the value after it (low half); 0x00 ends the block. */
const frequent = [0x00, 0x01, 0x02, 0x03, 0x11, 0x12, 0x21, 0x31, 0x41, 0x04, 0x51, 0x61];
const others = [...Array(256).keys()].filter((symbol) => {
  const bits = symbol & 15;
  return (symbol === 0xf0 || (bits >= 1 && bits <= 10)) && !frequent.includes(symbol);
});
const dcTable = tableOf({ 4: [...Array(12).keys()] });
const acTable = tableOf({ 4: frequent, 10: others });

const cosines = Float64Array.from({ length: 64 }, (_, i) => {
  const scale = i < 8 ? Math.SQRT1_2 / 2 : 0.5;
  return scale * Math.cos(((2 * (i & 7) + 1) * (i >> 3) * Math.PI) / 16);
});

/** More than the header, and than the bits of a pixel can come to. */
const headerBytes = 1024;
const bytesPerPixel = 6;

/**
 * A square gray image as a baseline JPEG of one component; the side is a multiple of 8.
 *
 * Written here because the general encoder builds its tables anew for every image, which made up most of the time of
 * generating thousands of small ones.
 */
export function encodeGrayJpeg(gray: Uint8Array, side: number, quality: number): Uint8Array {
  const { header, steps } = formOf(side, quality);
  const most = headerBytes + bytesPerPixel * gray.length;
  if (room.length < most) room = new Uint8Array(most);
  const bits: Bits = { bytes: room, end: header.length, held: 0, count: 0 };
  bits.bytes.set(header);
  const block = new Float64Array(64);
  const levels = new Int32Array(64);
  let before = 0;
  for (let y = 0; y < side; y += 8) {
    for (let x = 0; x < side; x += 8) {
      transform(gray, y * side + x, side, block);
      for (let i = 0; i < 64; i++) levels[i] = round((block[zigzag[i] as number] as number) / (steps[i] as number));
      writeBlock(bits, levels, before);
      before = levels[0] as number;
    }
  }
  write(bits, 0x7f, 7);
  bits.bytes.set([0xff, 0xd9], bits.end);
  return bits.bytes.slice(0, bits.end + 2);
}

/** Room for one image as it is written. */
let room = new Uint8Array(0);

/** What all images of one side and quality share: the header, and the steps of quantisation in coded order. */
type Form = { readonly header: Uint8Array; readonly steps: Float64Array };
const forms = new Map<string, Form>();

function formOf(side: number, quality: number): Form {
  const key = `${side} ${quality}`;
  const known = forms.get(key);
  if (known !== undefined) return known;
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  const steps = quantisers.map((value) => max(1, min(255, floor((value * scale + 50) / 100))));
  const form = {
    header: Uint8Array.from(headerOf(side, steps)),
    steps: Float64Array.from(zigzag, (at) => steps[at] as number),
  };
  forms.set(key, form);
  return form;
}

function headerOf(side: number, steps: readonly number[]): number[] {
  const size = [side >> 8, side & 255];
  const segment = (marker: number, body: readonly number[]) => {
    return [0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255, ...body];
  };
  const huffman = (id: number, table: Table) => {
    return segment(0xc4, [id, ...table.symbols.map((each) => each.length), ...table.symbols.flat()]);
  };
  return [
    ...[0xff, 0xd8],
    ...segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    ...segment(0xdb, [0, ...Array.from(zigzag, (i) => steps[i] ?? 1)]),
    ...segment(0xc0, [8, ...size, ...size, 1, 1, 0x11, 0]),
    ...huffman(0x00, dcTable),
    ...huffman(0x10, acTable),
    ...segment(0xda, [1, 1, 0, 0, 63, 0]),
  ];
}

/** Cosine transform of the block that begins at a place of the image, along its rows, then down its columns. */
function transform(gray: Uint8Array, from: number, side: number, out: Float64Array): void {
  for (let v = 0; v < 8; v++) {
    for (let i = 0; i < 8; i++) out[v * 8 + i] = (gray[from + v * side + i] as number) - 128;
    transformLine(out, v * 8, 1);
  }
  for (let u = 0; u < 8; u++) transformLine(out, u, 8);
}

function transformLine(line: Float64Array, from: number, step: number): void {
  const a = line[from] as number;
  const b = line[from + step] as number;
  const c = line[from + 2 * step] as number;
  const d = line[from + 3 * step] as number;
  const e = line[from + 4 * step] as number;
  const f = line[from + 5 * step] as number;
  const g = line[from + 6 * step] as number;
  const h = line[from + 7 * step] as number;
  for (let u = 0, k = 0; u < 8; u++, k += 8) {
    const left = a * (cosines[k] as number) + b * (cosines[k + 1] as number) + c * (cosines[k + 2] as number);
    const middle = left + d * (cosines[k + 3] as number) + e * (cosines[k + 4] as number);
    const right = middle + f * (cosines[k + 5] as number) + g * (cosines[k + 6] as number);
    line[from + u * step] = right + h * (cosines[k + 7] as number);
  }
}

/** Bytes written up to `end`, and `count` bits that are no whole byte yet. */
type Bits = { readonly bytes: Uint8Array; end: number; held: number; count: number };

/** Packs bits into bytes; a byte 0xff is followed by a zero, as the standard asks. */
function write(bits: Bits, value: number, length: number): void {
  const { bytes } = bits;
  const held = (bits.held << length) | value;
  let count = bits.count + length;
  for (; count >= 8; count -= 8) {
    const byte = (held >> (count - 8)) & 255;
    bytes[bits.end++] = byte;
    if (byte === 255) bytes[bits.end++] = 0;
  }
  bits.held = held & ((1 << count) - 1);
  bits.count = count;
}

function writeBlock(bits: Bits, levels: Int32Array, before: number): void {
  writeValue(bits, dcTable, 0, (levels[0] as number) - before);
  let run = 0;
  for (let i = 1; i < 64; i++) {
    const level = levels[i] as number;
    if (level === 0) {
      run++;
      continue;
    }
    for (; run > 15; run -= 16) writeSymbol(bits, acTable, 0xf0);
    writeValue(bits, acTable, run << 4, level);
    run = 0;
  }
  if (run > 0) writeSymbol(bits, acTable, 0x00);
}

/** The symbol (run and bit count), then the bits themselves; a negative value is written as value - 1. */
function writeValue(bits: Bits, table: Table, run: number, value: number): void {
  const length = 32 - clz32(abs(value));
  writeSymbol(bits, table, run | length);
  if (length > 0) write(bits, (value < 0 ? value - 1 : value) & ((1 << length) - 1), length);
}

function writeSymbol(bits: Bits, { codes, lengths }: Table, symbol: number): void {
  write(bits, codes[symbol] as number, lengths[symbol] as number);
}
