/** A Huffman table: codes of up to nine bits by one look, longer ones by the largest code of each length. */
export type Huffman = {
  /** `length << 8 | value` by the next nine bits; 0 where the code is longer. */
  readonly quick: Uint16Array;
  readonly maxCode: Int32Array;
  readonly offset: Int32Array;
  readonly values: Uint8Array;
};

/** Entropy-coded bytes with the bits not used yet. Past the data zeros are fed and counted. */
export type Bits = {
  readonly bytes: Uint8Array;
  at: number;
  hold: number;
  count: number;
  missing: number;
};

const quickBits = 9;

/** Builds a table from the number of codes of each length (1 to 16) and their values in order. */
export function huffmanOf(counts: Uint8Array, values: Uint8Array): Huffman {
  const quick = new Uint16Array(1 << quickBits);
  const maxCode = new Int32Array(18).fill(-1);
  const offset = new Int32Array(18);
  let code = 0;
  let at = 0;
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1] ?? 0;
    offset[length] = at - code;
    if (length <= quickBits) {
      const span = 1 << (quickBits - length);
      for (let one = 0; one < count; one++) {
        const from = (code + one) << (quickBits - length);
        quick.fill((length << 8) | (values[at + one] ?? 0), from, from + span);
      }
    }
    code += count;
    at += count;
    if (count > 0) maxCode[length] = code - 1;
    code <<= 1;
  }
  return { quick, maxCode, offset, values };
}

export function bitsFrom(bytes: Uint8Array, at: number): Bits {
  return { bytes, at, hold: 0, count: 0, missing: 0 };
}

/** Makes sure of 25 bits. A marker ends the data; it is never passed. */
function fill(bits: Bits): void {
  const { bytes } = bits;
  while (bits.count <= 24) {
    let byte = 0;
    if (bits.at >= bytes.length) bits.missing++;
    else {
      byte = bytes[bits.at] as number;
      if (byte !== 0xff) bits.at++;
      else if (bytes[bits.at + 1] === 0) bits.at += 2;
      else {
        byte = 0;
        bits.missing++;
      }
    }
    bits.hold = (bits.hold << 8) | byte;
    bits.count += 8;
  }
}

/** The next coded value, or -1 when no code of the table begins here. */
export function nextValue(bits: Bits, table: Huffman): number {
  if (bits.count < 16) fill(bits);
  const found = table.quick[(bits.hold >>> (bits.count - quickBits)) & 511] as number;
  if (found !== 0) {
    bits.count -= found >> 8;
    return found & 255;
  }
  for (let length = quickBits + 1; length <= 16; length++) {
    const code = (bits.hold >>> (bits.count - length)) & ((1 << length) - 1);
    if (code <= (table.maxCode[length] as number)) {
      bits.count -= length;
      return table.values[code + (table.offset[length] as number)] ?? -1;
    }
  }
  return -1;
}

/** A number of `size` bits, of which the lower half stands for negative ones. */
export function nextNumber(bits: Bits, size: number): number {
  if (size === 0) return 0;
  if (bits.count < size) fill(bits);
  bits.count -= size;
  const number = (bits.hold >>> bits.count) & ((1 << size) - 1);
  return number < 1 << (size - 1) ? number - (1 << size) + 1 : number;
}

/** Whether bits were used that the data does not have. */
export function ranDry(bits: Bits): boolean {
  return bits.missing * 8 > bits.count;
}

/** Passes the restart marker that stands where the data of an interval ends; false when there is none. */
export function passRestart(bits: Bits): boolean {
  const marker = bits.bytes[bits.at + 1] ?? 0;
  if (ranDry(bits) || bits.bytes[bits.at] !== 0xff || marker < 0xd0 || marker > 0xd7) return false;
  bits.at += 2;
  bits.hold = 0;
  bits.count = 0;
  bits.missing = 0;
  return true;
}
