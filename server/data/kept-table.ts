import { createHmac, timingSafeEqual } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import { writeAtomic } from "../fs/atomic.ts";
import { sha256 } from "../fs/hash.ts";
import { readBytes } from "../fs/read.ts";

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

/** What the file holds; nothing where there is none, or another one. */
export async function loadTable({ path, key, mostBytes }: TablePlace): Promise<KeptTable> {
  const bytes = await readBytes(path, mostBytes + sealBytes).catch(() => Buffer.alloc(0));
  const sealed = Math.max(0, bytes.length - sealBytes);
  const isOurs =
    bytes.length >= sealBytes && timingSafeEqual(bytes.subarray(sealed), sealOf([bytes.subarray(0, sealed)], key));
  const old = recordsIn(isOurs ? bytes.subarray(0, sealed) : Buffer.alloc(0));
  const added = new Map<string, Buffer>();
  return {
    get(name) {
      const digest = digestOf(name);
      const found = added.get(digest.toString("latin1")) ?? old.find(digest);
      return found === undefined ? undefined : deserialize(found);
    },
    set(name, answer) {
      added.set(digestOf(name).toString("latin1"), serialize(answer));
    },
    async save() {
      if (added.size === 0) return;
      const fresh = [...added].map(([digest, answer]) => recordOf(digest, answer));
      const room = mostBytes - fresh.reduce((sum, one) => sum + one.length, 0);
      const pieces = [...old.latest(room), ...fresh];
      // A folder that takes no file costs the next call its time, and nothing else.
      await writeAtomic(path, withSeal(pieces, key), 0o600).catch(() => undefined);
    },
  };
}

/** Records one behind the other, found by the first bytes of their digests. */
function recordsIn(bytes: Buffer) {
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at = endOf(bytes, at)) starts.push(at);
  const mask = 2 ** Math.ceil(Math.log2(2 * starts.length + 2)) - 1;
  const slots = new Int32Array(mask + 1).fill(-1);
  const used = new Uint8Array(starts.length);
  const placeOf = (digest: Buffer): number => {
    for (let slot = digest.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const record = slots[slot] as number;
      if (record < 0) return slot;
      const start = starts[record] as number;
      if (digest.equals(bytes.subarray(start, start + nameBytes))) return slot;
    }
  };
  for (const [record, start] of starts.entries()) {
    slots[placeOf(bytes.subarray(start, start + nameBytes))] = record;
  }
  return {
    find(digest: Buffer): Buffer | undefined {
      const record = slots[placeOf(digest)] as number;
      if (record < 0) return undefined;
      used[record] = 1;
      const start = starts[record] as number;
      return bytes.subarray(start + headBytes, endOf(bytes, start));
    },
    /** The records that were asked for last and that there is room for, the oldest first. */
    latest(room: number): Buffer[] {
      const wanted = [0, 1].flatMap((state) => starts.filter((_, record) => used[record] === state));
      const kept: Buffer[] = [];
      for (let left = room; wanted.length > 0; ) {
        const start = wanted.pop() as number;
        const record = bytes.subarray(start, endOf(bytes, start));
        left -= record.length;
        if (left < 0) break;
        kept.push(record);
      }
      return kept.reverse();
    },
  };
}

function endOf(bytes: Buffer, start: number): number {
  return start + headBytes + bytes.readUInt32LE(start + nameBytes);
}

function recordOf(digest: string, answer: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.write(digest, "latin1");
  head.writeUInt32LE(answer.length, nameBytes);
  return Buffer.concat([head, answer]);
}

function digestOf(name: string): Buffer {
  return Buffer.from(sha256(name).slice(0, 2 * nameBytes), "hex");
}

/** Small pieces in larger ones: each is a write. */
function* withSeal(pieces: readonly Buffer[], key: string): Generator<Uint8Array> {
  const portion = 4096;
  for (let from = 0; from < pieces.length; from += portion) yield Buffer.concat(pieces.slice(from, from + portion));
  yield sealOf(pieces, key);
}

function sealOf(pieces: readonly Uint8Array[], key: string): Buffer {
  const seal = createHmac("sha256", key);
  for (const piece of pieces) seal.update(piece);
  return seal.digest();
}
