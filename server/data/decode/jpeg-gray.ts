import { type GrayImage, luma } from "./gray-image.ts";
import {
  type Bits,
  bitsFrom,
  type Huffman,
  huffmanOf,
  nextNumber,
  nextValue,
  passRestart,
  ranDry,
} from "./jpeg-bits.ts";
import { type Block, quickTransform, type Transform, zigzag } from "./jpeg-block.ts";

type Component = {
  readonly id: number;
  readonly h: number;
  readonly v: number;
  readonly steps: number;
  dc: Huffman | undefined;
  ac: Huffman | undefined;
  last: number;
  plane: Uint8Array;
  stride: number;
};

type Tables = {
  readonly dc: Huffman[];
  readonly ac: Huffman[];
  readonly steps: Block[];
  readonly transform: Transform;
};

type Frame = { readonly width: number; readonly height: number; readonly components: Component[] };

/**
 * The gray levels of the common sort of JPEG (baseline, one scan, gray or YCbCr), its first `rows` or all; undefined
 * for every other one, and for data that ends early or is spoiled. Reads no further than these rows need.
 */
export function jpegGray(
  bytes: Uint8Array,
  rows = Number.POSITIVE_INFINITY,
  transform = quickTransform,
): GrayImage | undefined {
  const tables: Tables = { dc: [], ac: [], steps: [], transform };
  let frame: Frame | undefined;
  let restart = 0;
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] as number;
    const length = uint16(bytes, at + 2);
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (marker === 0xdb) readSteps(body, tables);
    else if (marker === 0xc4) readHuffman(body, tables);
    else if (marker === 0xc0) frame = readFrame(body, transform.colours);
    else if (marker === 0xdd) restart = uint16(body, 0);
    else if (marker === 0xee) return undefined;
    else if (marker === 0xda) return frame && readScan(bytes, at + 2 + length, body, frame, tables, restart, rows);
    else if ((marker >= 0xc1 && marker <= 0xcf) || marker < 0xc0) return undefined;
    at += 2 + length;
  }
  return undefined;
}

function readSteps(body: Uint8Array, { steps, transform }: Tables): void {
  for (let at = 0; at < body.length; ) {
    const which = body[at] as number;
    const wide = which >> 4 > 0;
    const from = at + 1;
    const list = Array.from({ length: 64 }, (_, n) => (wide ? uint16(body, from + 2 * n) : (body[from + n] ?? 0)));
    steps[which & 15] = transform.steps(list);
    at = from + (wide ? 128 : 64);
  }
}

function readHuffman(body: Uint8Array, tables: Tables): void {
  for (let at = 0; at + 17 <= body.length; ) {
    const which = body[at] as number;
    const counts = body.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    (which >> 4 === 0 ? tables.dc : tables.ac)[which & 15] = huffmanOf(counts, body.subarray(at + 17, at + 17 + total));
    at += 17 + total;
  }
}

function readFrame(body: Uint8Array, colours: boolean): Frame | undefined {
  const [height, width, count] = [uint16(body, 1), uint16(body, 3), body[5] ?? 0];
  if (body[0] !== 8 || width === 0 || height === 0 || (count !== 1 && !(colours && count === 3))) return undefined;
  const components = Array.from({ length: count }, (_, n): Component => {
    const [id = 0, sampling = 0, steps = 0] = body.subarray(6 + 3 * n, 9 + 3 * n);
    const alone = count === 1;
    const [h, v] = alone ? [1, 1] : [sampling >> 4, sampling & 15];
    return { id, h, v, steps, dc: undefined, ac: undefined, last: 0, plane: new Uint8Array(), stride: 0 };
  });
  if (components.some(({ h, v }) => h < 1 || h > 4 || v < 1 || v > 4)) return undefined;
  // Components named R, G, B are colours as they are.
  if (count === 3 && components[0]?.id === 0x52) return undefined;
  return { width, height, components };
}

function readScan(
  bytes: Uint8Array,
  from: number,
  body: Uint8Array,
  frame: Frame,
  tables: Tables,
  restart: number,
  rows: number,
): GrayImage | undefined {
  const { components, width } = frame;
  if (body[0] !== components.length) return undefined;
  for (const [n, component] of components.entries()) {
    const which = body[2 + 2 * n] ?? 0;
    if (body[1 + 2 * n] !== component.id) return undefined;
    component.dc = tables.dc[which >> 4];
    component.ac = tables.ac[which & 15];
    if (component.dc === undefined || component.ac === undefined || !tables.steps[component.steps]) return undefined;
  }
  const height = Math.min(frame.height, rows);
  const [h, v] = [Math.max(...components.map((one) => one.h)), Math.max(...components.map((one) => one.v))];
  const [across, down] = [Math.ceil(width / (8 * h)), Math.ceil(height / (8 * v))];
  for (const component of components) {
    component.stride = across * component.h * 8;
    component.plane = new Uint8Array(component.stride * down * component.v * 8);
  }
  if (!decodeUnits(bitsFrom(bytes, from), components, tables, across, down, restart)) return undefined;
  return { width, height, data: grayOf(components, width, height, h, v) };
}

function decodeUnits(
  bits: Bits,
  components: readonly Component[],
  { steps, transform }: Tables,
  across: number,
  down: number,
  restart: number,
): boolean {
  const block = transform.blank();
  for (let unit = 0; unit < across * down; unit++) {
    if (restart > 0 && unit > 0 && unit % restart === 0) {
      if (!passRestart(bits)) return false;
      for (const component of components) component.last = 0;
    }
    const column = unit % across;
    const row = (unit - column) / across;
    for (const component of components) {
      const scaled = steps[component.steps] as Block;
      const { h, v, stride } = component;
      for (let y = 0; y < v; y++) {
        for (let x = 0; x < h; x++) {
          const to = (row * v + y) * 8 * stride + (column * h + x) * 8;
          if (!decodeBlock(bits, component, scaled, block, transform, to)) return false;
        }
      }
    }
    if (bits.missing > 0 && ranDry(bits)) return false;
  }
  return true;
}

function decodeBlock(
  bits: Bits,
  component: Component,
  steps: Block,
  block: Block,
  transform: Transform,
  to: number,
): boolean {
  const size = nextValue(bits, component.dc as Huffman);
  if (size < 0 || size > 11) return false;
  component.last += nextNumber(bits, size);
  let filled = false;
  for (let at = 1; at < 64; at++) {
    const run = nextValue(bits, component.ac as Huffman);
    if (run < 0) return false;
    if ((run & 15) === 0) {
      if (run !== 0xf0) break;
      at += 15;
      continue;
    }
    at += run >> 4;
    if (at > 63) return false;
    if (!filled) block.fill(0);
    filled = true;
    const place = zigzag[at] as number;
    block[place] = nextNumber(bits, run & 15) * (steps[place] as number);
  }
  const mean = component.last * (steps[0] as number);
  if (!filled) transform.putFlat(mean, component.plane, to, component.stride);
  else {
    block[0] = mean;
    transform.put(block, component.plane, to, component.stride);
  }
  return true;
}

function grayOf(components: readonly Component[], width: number, height: number, h: number, v: number): Uint8Array {
  const [light, blue, red] = components;
  const gray = new Uint8Array(width * height);
  if (light === undefined) return gray;
  const colours = blue === undefined || red === undefined ? undefined : { blue, red };
  for (let y = 0; y < height; y++) {
    const from = Math.floor((y * light.v) / v) * light.stride;
    if (colours === undefined) {
      gray.set(light.plane.subarray(from, from + width), y * width);
      continue;
    }
    for (let x = 0; x < width; x++) {
      const level = light.plane[from + Math.floor((x * light.h) / h)] as number;
      const cb = sampleOf(colours.blue, x, y, h, v) - 128;
      const cr = sampleOf(colours.red, x, y, h, v) - 128;
      gray[y * width + x] = luma(
        within(level + 1.402 * cr),
        within(level - 0.344136 * cb - 0.714136 * cr),
        within(level + 1.772 * cb),
      );
    }
  }
  return gray;
}

function sampleOf({ plane, stride, h: own, v: down }: Component, x: number, y: number, h: number, v: number): number {
  return plane[Math.floor((y * down) / v) * stride + Math.floor((x * own) / h)] as number;
}

function within(level: number): number {
  return level <= 0 ? 0 : level >= 255 ? 255 : level | 0;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
