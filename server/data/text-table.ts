import { Refusal } from "../errors.ts";
import { limits } from "../fs/limits.ts";
import { createHashSlots } from "./hash-slots.ts";
import { createPackedList } from "./number-list.ts";

/**
 * Texts by number, each once, in the order of their first mention. Held as UTF-8 outside the heap: beside its bytes a text
 * costs about 4, however many there are, and 5 to 8 more while texts are looked for.
 */
export type TextTable = {
  /** @throws Refusal `input.too-many-rows` when all texts together pass the limit. */
  numberOf(text: string): number;
  /** The number of a text that is there, else -1. */
  find(text: string): number;
  /** Empty for a number that was never given. */
  at(number: number): string;
  size(): number;
  /** Gives back the memory that finds texts; who looks for another one has to wait until it is made again. */
  rest(): void;
};

/** A longer text has a block of its own, and the first blocks are shorter: most tables are small, and a preflight makes dozens. */
const blockBytes = 1 << 22;
const firstBlockBytes = 1 << 12;
/** The length before a text: one byte, or this one and four more. */
const longLength = 255;
const prefixOf = (length: number): number => (length < longLength ? 1 : 5);
/** Places are whole numbers of four bytes; above half of them they are held as negative ones. */
const mostPlaces = 2 ** 32;
/** Nobody who writes a file knows where the hash begins, so that no file makes all its texts fall into one place. */
const seed = Math.floor(Math.random() * 0x7fffffff);

export function createTextTable(limitBytes: number = limits.table_text_bytes): TextTable {
  const store = createStore(limitBytes);
  const slots = createHashSlots(store.hashAt);
  let size = 0;

  return {
    numberOf(text) {
      const hash = store.setKey(text);
      const known = slots.find(hash, store.holdsKey);
      if (known >= 0) return known;
      // A text that is refused leaves no trace.
      store.addKey();
      slots.add(hash);
      return size++;
    },
    find: (text) => slots.find(store.setKey(text), store.holdsKey),
    at: (number) => (number >= 0 && number < size ? store.textAt(number) : ""),
    size: () => size,
    rest: slots.rest,
  };
}

/** Texts one behind the other in blocks, each with its length before it, and the one text that is looked for. */
function createStore(limitBytes: number) {
  const blocks: Buffer[] = [];
  /** Where each text begins: its block, and its place there. */
  const places = createPackedList();
  let used = 0;
  let total = 0;
  let key = Buffer.allocUnsafe(1024);
  let keyLength = 0;

  /** The block of a text, and where its length stands there. */
  const find = (number: number): readonly [block: Buffer, start: number] => {
    const place = places.at(number) >>> 0;
    return [blocks[Math.floor(place / blockBytes)] as Buffer, place % blockBytes];
  };

  return {
    /** Takes the text that is looked for; its hash. */
    setKey(text: string): number {
      if (key.length < 3 * text.length) key = Buffer.allocUnsafe(6 * text.length);
      keyLength = encode(text, key);
      return hashOf(key, 0, keyLength);
    },
    addKey(): void {
      const prefix = prefixOf(keyLength);
      const needed = prefix + keyLength;
      const fits = used + needed <= (blocks.at(-1)?.length ?? 0);
      const place = fits ? (blocks.length - 1) * blockBytes + used : blocks.length * blockBytes;
      if (total + keyLength > limitBytes || place >= mostPlaces) throw tooMuchText(limitBytes);
      total += keyLength;
      if (!fits) {
        blocks.push(Buffer.allocUnsafe(Math.max(needed, Math.min(blockBytes, Math.max(firstBlockBytes, total)))));
        used = 0;
      }
      const block = blocks.at(-1) as Buffer;
      places.push(place | 0);
      block[used] = Math.min(keyLength, longLength);
      if (prefix > 1) block.writeUInt32LE(keyLength, used + 1);
      for (let at = 0; at < keyLength; at++) block[used + prefix + at] = key[at] as number;
      used += needed;
    },
    holdsKey(number: number): boolean {
      const [block, start] = find(number);
      if (lengthAt(block, start) !== keyLength) return false;
      const from = start + prefixOf(keyLength);
      for (let at = 0; at < keyLength; at++) if (block[from + at] !== key[at]) return false;
      return true;
    },
    hashAt(number: number): number {
      const [block, start] = find(number);
      const length = lengthAt(block, start);
      return hashOf(block, start + prefixOf(length), length);
    },
    textAt(number: number): string {
      const [block, start] = find(number);
      const length = lengthAt(block, start);
      const from = start + prefixOf(length);
      return block.toString("utf8", from, from + length);
    },
  };
}

function lengthAt(block: Buffer, start: number): number {
  const length = block[start] as number;
  return length < longLength ? length : block.readUInt32LE(start + 1);
}

/** Writes a text as UTF-8; its length in bytes. Nearly all are short and plain, for which a call costs more than it does. */
function encode(text: string, into: Buffer): number {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) return into.write(text, 0, "utf8");
    into[at] = code;
  }
  return text.length;
}

function hashOf(bytes: Uint8Array, from: number, length: number): number {
  let hash = seed;
  for (let at = from; at < from + length; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) & 0x7fffffff;
}

function tooMuchText(limit_bytes: number): Refusal {
  return new Refusal("input.too-many-rows", `The texts of a table take more than ${limit_bytes} bytes.`, {
    limit_bytes,
  });
}
