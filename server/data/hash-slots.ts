/** Finds the entries of a table, numbered from 0 in the order in which they are added, by hashes of 31 bits. */
export type HashSlots = {
  /** The number of the entry with this hash for which `isIt` holds, else -1. */
  find(hash: number, isIt: (number: number) => boolean): number;
  /** Adds the next entry: the one that was looked for last and not found. */
  add(hash: number): void;
  /** Gives back the memory; whoever looks for an entry next waits until the slots are made again. */
  rest(): void;
};

const leastSlots = 2048;
/** Slots are at most so full, and half as many again when they are made anew. */
const mostFull = 0.75;
const growth = 1.5;
/** Slots lie in pieces of so many, which stay where they are when others are added: nothing is held twice meanwhile. */
const pieceBits = 18;
const pieceSlots = 1 << pieceBits;

/**
 * Five to eight bytes an entry. What a slot does not need for the number of its entry holds a part of the hash, so that an
 * entry that is not meant is nearly always passed over without a look at it. Hashes that differ in their low three bits alone
 * lie side by side.
 *
 * @param hashAt the hash of an entry, for slots that are made anew
 */
export function createHashSlots(hashAt: (number: number) => number): HashSlots {
  /** -1, or low bits of a hash above the number of an entry, which is smaller than there are slots. */
  let pieces: Int32Array[] = [];
  let [length, size, free, scale] = [0, 0, -1, 0];
  /** The bits of a slot that hold a number, and those of a hash that go above them. */
  let [bits, numberMask, partMask] = [0, 0, 0];

  const slotOf = (hash: number): number => (((hash >>> 3) * scale) << 3) | (hash & 7);
  const after = (slot: number): number => (slot + 1 === length ? 0 : slot + 1);
  const at = (slot: number): number => (pieces[slot >>> pieceBits] as Int32Array)[slot & (pieceSlots - 1)] as number;
  const set = (slot: number, hash: number, number: number): void => {
    const piece = pieces[slot >>> pieceBits] as Int32Array;
    piece[slot & (pieceSlots - 1)] = ((hash & partMask) << bits) | number;
  };
  const make = (): void => {
    const wanted = Math.max(leastSlots, 8 * Math.ceil((growth * size) / mostFull / 8));
    length = wanted > pieceSlots ? pieceSlots * Math.ceil(wanted / pieceSlots) : wanted;
    if ((pieces[0]?.length ?? 0) < pieceSlots) pieces = [new Int32Array(Math.min(length, pieceSlots))];
    while (pieces.length * pieceSlots < length) pieces.push(new Int32Array(pieceSlots));
    for (const piece of pieces) piece.fill(-1);
    bits = Math.ceil(Math.log2(length));
    [scale, numberMask, partMask] = [length / 2 ** 31, 2 ** bits - 1, 2 ** (31 - bits) - 1];
    for (let number = 0; number < size; number++) {
      const hash = hashAt(number);
      let slot = slotOf(hash);
      while (at(slot) >= 0) slot = after(slot);
      set(slot, hash, number);
    }
  };
  return {
    find(hash, isIt) {
      if (pieces.length === 0) make();
      const part = hash & partMask;
      for (let slot = slotOf(hash); ; slot = after(slot)) {
        const one = at(slot);
        if (one < 0) {
          free = slot;
          return -1;
        }
        if (one >>> bits === part && isIt(one & numberMask)) return one & numberMask;
      }
    },
    add(hash) {
      set(free, hash, size++);
      if (size > mostFull * length) make();
    },
    rest() {
      pieces = [];
    },
  };
}
