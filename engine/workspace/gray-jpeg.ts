/** Bound once: they are called for every pixel. */
const { abs, clz32, floor, max, min, round } = Math;

/** Luminance quantisation of the JPEG standard (ITU T.81, K.1), row by row, for quality 50. */
const quantisers = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

/** Index into an 8x8 block, in the order of rising frequency. */
const zigzag = [...Array(64).keys()].sort((a, b) => {
  const [sumA, sumB] = [(a >> 3) + (a & 7), (b >> 3) + (b & 7)];
  if (sumA !== sumB) return sumA - sumB;
  return sumA % 2 === 0 ? (a & 7) - (b & 7) : (b & 7) - (a & 7);
});

/** Huffman table as a JPEG carries it: symbols by code length. */
type Table = {
  readonly lengths: readonly (readonly number[])[];
  readonly codes: Map<number, readonly [number, number]>;
};

/** Assigns codes as the standard does: counting up within a length, one bit more at every longer one. */
function tableOf(symbolsByLength: Readonly<Record<number, readonly number[]>>): Table {
  const lengths = Array.from({ length: 16 }, (_, i) => symbolsByLength[i + 1] ?? []);
  const codes = new Map<number, readonly [number, number]>();
  let code = 0;
  for (const [i, symbols] of lengths.entries()) {
    for (const symbol of symbols) codes.set(symbol, [code++, i + 1]);
    code <<= 1;
  }
  return { lengths, codes };
}

/** A symbol is a run of zeros (high half) and the bits of the value after it (low half); 0x00 ends the block. */
const frequent = [0x00, 0x01, 0x02, 0x03, 0x11, 0x12, 0x21, 0x31, 0x41, 0x04, 0x51, 0x61];
const others = [...Array(256).keys()].filter((symbol) => {
  const bits = symbol & 15;
  return (symbol === 0xf0 || (bits >= 1 && bits <= 10)) && !frequent.includes(symbol);
});
const dcTable = tableOf({ 4: [...Array(12).keys()] });
const acTable = tableOf({ 4: frequent, 10: others });

const cosines = Array.from({ length: 64 }, (_, i) => {
  const scale = i < 8 ? Math.SQRT1_2 / 2 : 0.5;
  return scale * Math.cos(((2 * (i & 7) + 1) * (i >> 3) * Math.PI) / 16);
});

/**
 * A square gray image as a baseline JPEG of one component; the side is a multiple of 8.
 *
 * Written here because the general encoder builds its tables anew for every image, which made up most of the time of
 * generating thousands of small ones.
 */
export function encodeGrayJpeg(gray: Uint8Array, side: number, quality: number): Uint8Array {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  const steps = quantisers.map((value) => max(1, min(255, floor((value * scale + 50) / 100))));
  const out = headerOf(side, steps);
  const bits = bitWriter(out);
  let before = 0;
  for (let y = 0; y < side; y += 8) {
    for (let x = 0; x < side; x += 8) {
      const levels = quantised(gray, side, x, y, steps);
      writeBlock(bits, levels, before);
      before = levels[0] ?? 0;
    }
  }
  bits.flush();
  out.push(0xff, 0xd9);
  return Uint8Array.from(out);
}

function headerOf(side: number, steps: readonly number[]): number[] {
  const size = [side >> 8, side & 255];
  const segment = (marker: number, body: readonly number[]) => {
    return [0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255, ...body];
  };
  const huffman = (id: number, table: Table) => {
    return segment(0xc4, [id, ...table.lengths.map((symbols) => symbols.length), ...table.lengths.flat()]);
  };
  return [
    ...[0xff, 0xd8],
    ...segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    ...segment(0xdb, [0, ...zigzag.map((i) => steps[i] ?? 1)]),
    ...segment(0xc0, [8, ...size, ...size, 1, 1, 0x11, 0]),
    ...huffman(0x00, dcTable),
    ...huffman(0x10, acTable),
    ...segment(0xda, [1, 1, 0, 0, 63, 0]),
  ];
}

/** Cosine transform of the block at (x, y), divided by the steps, in zigzag order. */
function quantised(gray: Uint8Array, side: number, x: number, y: number, steps: readonly number[]): number[] {
  const rows = new Float64Array(64);
  for (let v = 0; v < 8; v++) {
    for (let u = 0; u < 8; u++) {
      let sum = 0;
      for (let i = 0; i < 8; i++)
        sum += ((gray[(y + v) * side + x + i] as number) - 128) * (cosines[u * 8 + i] as number);
      rows[v * 8 + u] = sum;
    }
  }
  return zigzag.map((at) => {
    let sum = 0;
    for (let i = 0; i < 8; i++) sum += (rows[i * 8 + (at & 7)] as number) * (cosines[(at >> 3) * 8 + i] as number);
    return round(sum / (steps[at] ?? 1));
  });
}

type Bits = { write(value: number, count: number): void; flush(): void };

/** Packs bits into bytes; a byte 0xff is followed by a zero, as the standard asks. */
function bitWriter(out: number[]): Bits {
  let held = 0;
  let count = 0;
  const write = (value: number, length: number) => {
    held = (held << length) | value;
    count += length;
    while (count >= 8) {
      const byte = (held >> (count - 8)) & 255;
      out.push(byte);
      if (byte === 255) out.push(0);
      count -= 8;
    }
    held &= (1 << count) - 1;
  };
  return { write, flush: () => write(0x7f, 7) };
}

function writeBlock(bits: Bits, levels: readonly number[], before: number): void {
  writeValue(bits, dcTable, 0, (levels[0] ?? 0) - before);
  let run = 0;
  for (let i = 1; i < 64; i++) {
    const level = levels[i] ?? 0;
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
  if (length > 0) bits.write((value < 0 ? value - 1 : value) & ((1 << length) - 1), length);
}

function writeSymbol(bits: Bits, table: Table, symbol: number): void {
  const [code, length] = table.codes.get(symbol) ?? [0, 0];
  bits.write(code, length);
}
