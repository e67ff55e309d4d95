import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import { deflateSync, inflateSync } from "node:zlib";
import { append, writeAtomic } from "../fs/atomic.ts";
import { sha256 } from "../fs/hash.ts";
import { openRegular, tooLarge } from "../fs/regular-file.ts";
import { createNumberList } from "./number-list.ts";

/**
 * Answers by the names of their questions, in one file that grows by sealed pieces: each answer is taken apart when it is
 * asked for, so that a hundred thousand that nobody asks for cost a look over their lengths. Of one name the last counts.
 */
export type KeptTable = {
  get(name: string): unknown;
  set(name: string, answer: unknown): void;
  /**
   * Adds what is new to the file. It is written anew where more of it is outdated than not, a piece of it is spoiled or
   * it has grown too long; what was asked for this time stays longest.
   */
  save(): Promise<void>;
};

export type TablePlace = {
  readonly path: string;
  /** Seals each piece of the file: one that somebody else wrote, or that was cut, holds nothing. */
  readonly key: string;
  /** Largest file; the answers that were asked for longest ago go first. */
  readonly mostBytes: number;
};

/** A piece is its length, its records and their seal. */
const lengthBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const sealBytes = nonceBytes + tagBytes;
/** Of the digest of a question: two of a billion questions share theirs by a chance of 1 in 10^20. */
const nameBytes = 16;
const headBytes = nameBytes + 4;
const blockBytes = 1 << 20;
/** The first blocks are shorter: most workspaces are small. */
const firstBlockBytes = 1 << 12;
/** Longer than any block: an answer is shorter than 4 GiB. */
const placeStep = 2 ** 33;
/** Of the largest file, what is kept where there is no room for all: the next answers are added without another cut. */
const shareKept = 0.75;

/** Beyond so many new bytes answers are deflated, to a third: those of a million images are held until they are all there. */
const plainBytes = 64 << 20;
/** The first byte of what is deflated, and of no answer that is not. */
const deflated = 0x78;

/** What the file holds; nothing where there is none, or another one. */
export async function loadTable({ path, key, mostBytes }: TablePlace): Promise<KeptTable> {
  const bytes = await readAtOnce(path, 2 * mostBytes).catch(() => Buffer.alloc(0));
  const { pieces, isWhole } = piecesOf(bytes, key);
  const old = recordsIn(bytes, pieces);
  const added = createRecords();
  return {
    get(name) {
      const digest = digestOf(name);
      const found = added.find(digest) ?? old.find(digest);
      return found === undefined ? undefined : deserialize(found[0] === deflated ? inflateSync(found) : found);
    },
    set(name, answer) {
      const digest = digestOf(name);
      old.outdate(digest);
      const whole = serialize(answer);
      added.add(digest, added.size() < plainBytes ? whole : deflateSync(whole, { level: 1 }));
    },
    async save() {
      if (added.size() === 0) return;
      const length = bytes.length + added.size();
      const isLong = length > mostBytes;
      // What could not be read is not to be added to.
      const grows = bytes.length > 0 && isWhole && !isLong && 2 * old.outdated() <= length;
      const room = (isLong ? shareKept * mostBytes : length) - added.size();
      const write = () =>
        grows
          ? append(path, sealedPieces(added.blocks(), key), 0o600)
          : writeAtomic(path, sealedPieces(inPortions(old.latest(room), added.blocks()), key), 0o600);
      // A folder that takes no file costs the next call its time, and nothing else.
      await write().catch(() => undefined);
    },
  };
}

/** Bytes of one request of several at once: a hundred megabytes are there in a third of the time. */
const requestBytes = 1 << 24;

/** The file whole. What is missing because somebody cut it meanwhile is under no seal. */
async function readAtOnce(path: string, limit: number): Promise<Buffer> {
  const { file, size } = await openRegular(path);
  try {
    if (size > limit) throw tooLarge(path, size, limit);
    const bytes = Buffer.allocUnsafe(size);
    const starts = Array.from({ length: Math.ceil(size / requestBytes) }, (_, at) => at * requestBytes);
    await Promise.all(starts.map((from) => file.read(bytes, from, Math.min(requestBytes, size - from), from)));
    return bytes;
  } finally {
    await file.close();
  }
}

/** Where the records of each piece begin and end that is sealed; not whole where one is not, or was cut. */
function piecesOf(bytes: Buffer, key: string) {
  const pieces: (readonly [from: number, to: number])[] = [];
  let isWhole = true;
  for (let at = 0; at < bytes.length; ) {
    const from = at + lengthBytes;
    const to = from <= bytes.length ? from + bytes.readUInt32LE(at) : bytes.length;
    at = to + sealBytes;
    // A crash may leave zeros, which look like millions of empty pieces: none is worth a look at its seal.
    const isThere = to > from && at <= bytes.length;
    if (isThere && isSealed(bytes.subarray(from, to), bytes.subarray(to, at), key)) pieces.push([from, to]);
    else isWhole = false;
  }
  return { pieces, isWhole };
}

/** Records that are added one behind the other in blocks: there may be a million, each of some hundred bytes. */
function createRecords() {
  const blocks: Buffer[] = [];
  /** Place of each in all blocks, by its digest. */
  const places = new Map<string, number>();
  let [used, size] = [0, 0];
  return {
    add(digest: Buffer, answer: Buffer): void {
      const length = headBytes + answer.length;
      if (used + length > (blocks.at(-1)?.length ?? 0)) {
        const last = blocks.pop();
        if (last !== undefined) blocks.push(last.subarray(0, used));
        blocks.push(Buffer.allocUnsafe(Math.max(length, Math.min(blockBytes, Math.max(firstBlockBytes, size)))));
        used = 0;
      }
      const block = blocks.at(-1) as Buffer;
      digest.copy(block, used);
      block.writeUInt32LE(answer.length, used + nameBytes);
      answer.copy(block, used + headBytes);
      places.set(digest.toString("latin1"), (blocks.length - 1) * placeStep + used);
      used += length;
      size += length;
    },
    find(digest: Buffer): Buffer | undefined {
      const place = places.get(digest.toString("latin1"));
      if (place === undefined) return undefined;
      const block = blocks[Math.floor(place / placeStep)] as Buffer;
      return answerAt(block, place % placeStep);
    },
    size: () => size,
    blocks: () => blocks.map((block, at) => (at === blocks.length - 1 ? block.subarray(0, used) : block)),
  };
}

/** Records of a file, found by the first bytes of their digests. */
function recordsIn(bytes: Buffer, pieces: readonly (readonly [from: number, to: number])[]) {
  const starts = createNumberList();
  for (const [from, to] of pieces) for (let at = from; at < to; at = endOf(bytes, at)) starts.push(at);
  const mask = 2 ** Math.ceil(Math.log2(2 * starts.length + 2)) - 1;
  const slots = new Int32Array(mask + 1).fill(-1);
  const states = new Uint8Array(starts.length);
  let outdated = 0;
  const slotOf = (digest: Buffer): number => {
    for (let slot = digest.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const record = slots[slot] as number;
      if (record < 0 || digest.compare(bytes, starts.at(record), starts.at(record) + nameBytes) === 0) return slot;
    }
  };
  const outdate = (record: number): void => {
    if (record < 0 || states[record] === stateOf.outdated) return;
    states[record] = stateOf.outdated;
    outdated += endOf(bytes, starts.at(record)) - starts.at(record);
  };
  for (let record = 0; record < starts.length; record++) {
    const slot = slotOf(bytes.subarray(starts.at(record), starts.at(record) + nameBytes));
    outdate(slots[slot] as number);
    slots[slot] = record;
  }
  return {
    find(digest: Buffer): Buffer | undefined {
      const record = slots[slotOf(digest)] as number;
      if (record < 0) return undefined;
      if (states[record] === stateOf.unasked) states[record] = stateOf.asked;
      return answerAt(bytes, starts.at(record));
    },
    /** Says that a name has a newer answer. */
    outdate: (digest: Buffer): void => outdate(slots[slotOf(digest)] as number),
    /** Bytes of records whose names have newer ones. */
    outdated: () => outdated,
    /** The records that there is room for, those that were asked for now last; without those that are outdated. */
    *latest(room: number): Generator<Buffer> {
      let excess = bytes.length - outdated - room;
      for (const state of [stateOf.unasked, stateOf.asked]) {
        for (let record = 0; record < starts.length; record++) {
          if (states[record] !== state) continue;
          const piece = bytes.subarray(starts.at(record), endOf(bytes, starts.at(record)));
          if (excess <= 0) yield piece;
          else excess -= piece.length;
        }
      }
    },
  };
}

/** Of a record: whether it was asked for this time, or has a newer one. */
const stateOf = { unasked: 0, asked: 1, outdated: 2 } as const;

function answerAt(bytes: Buffer, start: number): Buffer {
  return bytes.subarray(start + headBytes, endOf(bytes, start));
}

function endOf(bytes: Buffer, start: number): number {
  return start + headBytes + bytes.readUInt32LE(start + nameBytes);
}

function digestOf(name: string): Buffer {
  return Buffer.from(sha256(name).slice(0, 2 * nameBytes), "hex");
}

/** Small pieces in larger ones, each of which is a write, and large ones behind them as they are. */
function* inPortions(small: Iterable<Buffer>, large: readonly Buffer[]): Generator<Buffer> {
  let [portion, size] = [[] as Buffer[], 0];
  for (const piece of small) {
    portion.push(piece);
    size += piece.length;
    if (size < blockBytes) continue;
    yield Buffer.concat(portion);
    [portion, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(portion);
  yield* large;
}

/** Each piece with its length and its seal, to be written at once. */
function* sealedPieces(pieces: Iterable<Buffer>, key: string): Generator<Buffer> {
  for (const piece of pieces) {
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(piece.length);
    yield Buffer.concat([length, piece, sealOf(piece, key)]);
  }
}

/** AES-GCM over records that it only vouches for: of a hundred megabytes that takes a tenth of the time of a digest. */
const cipher = "aes-256-gcm";

function sealOf(records: Buffer, key: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const seal = createCipheriv(cipher, cipherKey(key), nonce, { authTagLength: tagBytes }).setAAD(records);
  seal.final();
  return Buffer.concat([nonce, seal.getAuthTag()]);
}

function isSealed(records: Buffer, seal: Buffer, key: string): boolean {
  const check = createDecipheriv(cipher, cipherKey(key), seal.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  }).setAAD(records);
  try {
    check.setAuthTag(seal.subarray(nonceBytes)).final();
    return true;
  } catch {
    return false;
  }
}

function cipherKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
