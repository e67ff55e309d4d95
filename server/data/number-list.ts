/** Numbers that are added one by one, outside the heap. */
export type NumberList<Numbers extends TypedNumbers = Int32Array> = {
  push(value: number): void;
  at(place: number): number;
  set(place: number, value: number): void;
  readonly length: number;
  all(): Numbers;
};

/** Numbers that are read by their place. */
export type NumberColumn = Iterable<number> & { at(place: number): number; readonly length: number };

type TypedNumbers = Int32Array | Uint32Array | Float64Array | Uint8Array;

/** A list of whole numbers, four bytes each. */
export function createNumberList(): NumberList {
  return listIn(new Int32Array(1024));
}

/** A list of scores, eight bytes each. */
export function createScoreList(): NumberList<Float64Array> {
  return listIn(new Float64Array(1024));
}

/** Numbers of one pack, which takes two words for each bit of a number; packs of one bit in a chunk. */
const packSize = 64;
const chunkBits = 11;
const packsInChunk = 1 << chunkBits;

/**
 * A list of whole numbers of 32 bits to which is only added: 64 of them are held as their least and what each has beyond it,
 * in as many bits as that needs. Numbers that lie close to their neighbours, as lines, first mentions and labels do, take
 * about a byte, and what is held is never moved.
 */
export function createPackedList(): NumberColumn & { push(value: number): void } {
  const chunks: Int32Array[] = [];
  /** Of each full pack its least number, the bits of a number beyond it, and its place in all chunks in packs of one bit. */
  let least = new Int32Array(16);
  let widths = new Uint8Array(16);
  let places = new Uint32Array(16);
  /** What comes behind the full packs. */
  const last = new Int32Array(packSize);
  let [packs, used, length] = [0, 0, 0];

  const pack = (): void => {
    let [from, to] = [last[0] as number, last[0] as number];
    for (let at = 1; at < packSize; at++) {
      const value = last[at] as number;
      if (value < from) from = value;
      else if (value > to) to = value;
    }
    const width = 32 - Math.clz32(to - from);
    // A pack lies in one chunk.
    if (used + width > packsInChunk * chunks.length) {
      used = packsInChunk * chunks.length;
      chunks.push(new Int32Array(2 * packsInChunk));
    }
    if (packs === least.length) {
      [least, widths, places] = [widened(least, 2 * packs), widened(widths, 2 * packs), widened(places, 2 * packs)];
    }
    least[packs] = from;
    widths[packs] = width;
    places[packs++] = used;
    if (width === 0) return;
    const chunk = chunks[chunks.length - 1] as Int32Array;
    let bit = packSize * (used % packsInChunk);
    for (let at = 0; at < packSize; at++, bit += width) {
      const beyond = (last[at] as number) - from;
      const [word, shift] = [bit >>> 5, bit & 31];
      chunk[word] = (chunk[word] as number) | (beyond << shift);
      if (shift + width > 32) chunk[word + 1] = beyond >>> (32 - shift);
    }
    used += width;
  };
  const at = (place: number): number => {
    const number = place >>> 6;
    if (number >= packs) return last[place & 63] as number;
    const from = least[number] as number;
    const width = widths[number] as number;
    if (width === 0) return from;
    const where = places[number] as number;
    const chunk = chunks[where >>> chunkBits] as Int32Array;
    const bit = ((where & (packsInChunk - 1)) << 6) + (place & 63) * width;
    const word = bit >>> 5;
    const shift = bit & 31;
    let beyond = (chunk[word] as number) >>> shift;
    if (shift + width > 32) beyond |= (chunk[word + 1] as number) << (32 - shift);
    return from + (width === 32 ? beyond >>> 0 : beyond & ((1 << width) - 1));
  };
  return {
    push(value) {
      last[length & 63] = value;
      length++;
      if ((length & 63) === 0) pack();
    },
    at,
    get length() {
      return length;
    },
    *[Symbol.iterator]() {
      for (let place = 0; place < length; place++) yield at(place);
    },
  };
}

const sparseBits = 12;

/** Whole numbers from 0 on at some places, -1 at the others: four bytes for each place that is near one of them. */
export function createSparseList() {
  const pieces: Int32Array[] = [];
  const inPiece = (1 << sparseBits) - 1;
  return {
    at: (place: number): number => pieces[place >>> sparseBits]?.[place & inPiece] ?? -1,
    set(place: number, value: number): void {
      pieces[place >>> sparseBits] ??= new Int32Array(inPiece + 1).fill(-1);
      (pieces[place >>> sparseBits] as Int32Array)[place & inPiece] = value;
    },
  };
}

/** Whole numbers from 0 to below `size`, of which a set takes an eighth of a byte each; it grows where one is larger. */
export function createNumberSet(size = 8192) {
  let bits = new Uint8Array(Math.ceil(size / 8));
  let count = 0;
  return {
    /** False where the number was there. */
    add(number: number): boolean {
      const at = number >>> 3;
      if (at >= bits.length) bits = widened(bits, 2 * at + 1);
      const bit = 1 << (number & 7);
      if (((bits[at] as number) & bit) !== 0) return false;
      bits[at] = (bits[at] as number) | bit;
      count++;
      return true;
    },
    has: (number: number): boolean => (((bits[number >>> 3] ?? 0) >> (number & 7)) & 1) === 1,
    size: () => count,
  };
}

function listIn<Numbers extends TypedNumbers>(first: Numbers): NumberList<Numbers> {
  let room = first;
  let length = 0;
  return {
    push(value) {
      if (length === room.length) room = widened(room, 2 * length);
      room[length++] = value;
    },
    at: (place) => room[place] as number,
    set(place, value) {
      room[place] = value;
    },
    get length() {
      return length;
    },
    all: () => room.subarray(0, length) as Numbers,
  };
}

/** The same numbers with room for `length`; what is added is 0. */
export function widened<Numbers extends TypedNumbers>(numbers: Numbers, length: number): Numbers {
  const wider = new (numbers.constructor as new (length: number) => Numbers)(length);
  wider.set(numbers);
  return wider;
}
