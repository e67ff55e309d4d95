import { createHmac, timingSafeEqual } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import { writeAtomic } from "../fs/atomic.ts";
import { sha256 } from "../fs/hash.ts";
import { readBytes } from "../fs/read.ts";
import { createNumberList } from "./number-list.ts";

/**
 * Answers by the names of their questions, in one sealed file: each is taken apart when it is asked for, so that a hundred
 * thousand that nobody asks for cost a look over their lengths.
 */
export type KeptTable = {
  get(name: string): unknown;
  set(name: string, answer: unknown): void;
  /** Writes the file where something is new; what was asked for this time stays longest. */
  save(): Promise<void>;
};

export type TablePlace = {
  readonly path: string;
  /** Seals the file: one that somebody else wrote, or that was cut, holds nothing. */
  readonly key: string;
  /** Largest file; the answers that were asked for longest ago go first. */
  readonly mostBytes: number;
};

const sealBytes = 32;
/** Of the digest of a question: two of a billion questions share theirs by a chance of 1 in 10^20. */
const nameBytes = 16;
const headBytes = nameBytes + 4;
const blockBytes = 1 << 20;
/** The first blocks are shorter: most workspaces are small. */
const firstBlockBytes = 1 << 12;
/** Longer than any block: an answer is shorter than 4 GiB. */
const placeStep = 2 ** 33;

/** What the file holds; nothing where there is none, or another one. */
export async function loadTable({ path, key, mostBytes }: TablePlace): Promise<KeptTable> {
  const bytes = await readBytes(path, mostBytes + sealBytes).catch(() => Buffer.alloc(0));
  const [sealed, seal] = [bytes.subarray(0, -sealBytes), bytes.subarray(-sealBytes)];
  const isOurs = bytes.length >= sealBytes && timingSafeEqual(seal, createHmac("sha256", key).update(sealed).digest());
  const old = recordsIn(isOurs ? sealed : Buffer.alloc(0));
  const added = createRecords();
  return {
    get(name) {
      const digest = digestOf(name);
      const found = added.find(digest) ?? old.find(digest);
      return found === undefined ? undefined : deserialize(found);
    },
    set(name, answer) {
      added.add(digestOf(name), serialize(answer));
    },
    async save() {
      if (added.size() === 0) return;
      const pieces = inPortions(old.latest(mostBytes - added.size(), added.find), added.blocks());
      // A folder that takes no file costs the next call its time, and nothing else.
      await writeAtomic(path, withSeal(pieces, key), 0o600).catch(() => undefined);
    },
  };
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
function recordsIn(bytes: Buffer) {
  const starts = createNumberList();
  for (let at = 0; at < bytes.length; at = endOf(bytes, at)) starts.push(at);
  const mask = 2 ** Math.ceil(Math.log2(2 * starts.length + 2)) - 1;
  const slots = new Int32Array(mask + 1).fill(-1);
  const used = new Uint8Array(starts.length);
  const slotOf = (digest: Buffer): number => {
    for (let slot = digest.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const record = slots[slot] as number;
      if (record < 0 || digest.compare(bytes, starts.at(record), starts.at(record) + nameBytes) === 0) return slot;
    }
  };
  for (let record = 0; record < starts.length; record++) {
    slots[slotOf(bytes.subarray(starts.at(record), starts.at(record) + nameBytes))] = record;
  }
  return {
    find(digest: Buffer): Buffer | undefined {
      const record = slots[slotOf(digest)] as number;
      if (record < 0) return undefined;
      used[record] = 1;
      return answerAt(bytes, starts.at(record));
    },
    /** The records that there is room for, those that were asked for now last; without those that have a newer answer. */
    *latest(room: number, newer: (digest: Buffer) => Buffer | undefined): Generator<Buffer> {
      let excess = bytes.length - room;
      for (const state of [0, 1]) {
        for (let record = 0; record < starts.length; record++) {
          const piece = bytes.subarray(starts.at(record), endOf(bytes, starts.at(record)));
          const digest = piece.subarray(0, nameBytes);
          // Of one name the last record counts.
          const isOld = slots[slotOf(digest)] !== record || newer(digest) !== undefined;
          if (used[record] !== state || isOld) continue;
          if (excess <= 0) yield piece;
          else excess -= piece.length;
        }
      }
    },
  };
}

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
  yield Buffer.concat(portion);
  yield* large;
}

function* withSeal(pieces: Iterable<Buffer>, key: string): Generator<Buffer> {
  const seal = createHmac("sha256", key);
  for (const piece of pieces) {
    seal.update(piece);
    yield piece;
  }
  yield seal.digest();
}
