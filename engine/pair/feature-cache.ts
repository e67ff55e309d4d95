import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, readSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createScoreList } from "../../server/data/number-list.ts";
import { createTextTable } from "../../server/data/text-table.ts";

const KEY_BYTES = 32;
const SEAL_BYTES = 32;

/** Where vectors are kept, and the key of whoever may write there: what it did not seal is not read. */
export type CachePlace = { readonly directory: string; readonly key: string };

/** Vectors by image content, kept on disk between the programs of one run; in memory is where each lies. */
export type FeatureCache = {
  get(key: string): Float32Array | undefined;
  put(key: string, vector: Float32Array): void;
  /** Writes what was added as one new file; nothing is ever rewritten. */
  flush(): void;
  /** Takes in what other processes have written since. */
  refresh(): void;
  close(): void;
};

/** Added vectors that are held before they are written: some 40,000. */
const HELD_BYTES = 1 << 25;
/** Bytes of a file that are read at once. */
const PIECE_BYTES = 1 << 20;
/** Records of a file are fewer. */
const FILE_STEP = 2 ** 32;

/** The key of a vector computed by `kind` (with its version) from these file contents. */
export function contentKey(kind: string, contents: readonly Uint8Array[]): string {
  const hash = createHash("sha256").update(kind);
  for (const bytes of contents) hash.update(`|${bytes.length}|`).update(bytes);
  return hash.digest().toString("latin1");
}

/**
 * Opens the cache in a directory, or one that forgets when there is none.
 *
 * A file holds records of key, `length` float32 values (in this host's byte order) for one kind of vector, and a seal
 * over both; a record that is damaged, or that somebody else wrote, is ignored.
 */
export function openFeatureCache(place: CachePlace | undefined, kind: string, length: number): FeatureCache {
  const records = recordsOf(place?.key ?? "", kind, length);
  const added = new Map<string, Float32Array>();
  const [keys, places] = [createTextTable(), createScoreList()];
  const files: number[] = [];
  const names = new Set<string>();

  const open = (directory: string, name: string): void => {
    names.add(name);
    const file = openSync(join(directory, name), "r");
    const number = files.push(file) - 1;
    let at = 0;
    for (const key of records.keysIn(file)) {
      const known = keys.numberOf(key);
      if (known === places.length) places.push(0);
      places.set(known, number * FILE_STEP + at++);
    }
  };
  const cache: FeatureCache = {
    get(key) {
      const held = added.get(key);
      if (held !== undefined) return held;
      const known = keys.find(key);
      if (known < 0) return undefined;
      const at = places.at(known);
      return records.read(files[Math.floor(at / FILE_STEP)] as number, at % FILE_STEP, key);
    },
    put(key, vector) {
      added.set(key, vector);
      if (added.size * records.size >= HELD_BYTES) cache.flush();
    },
    flush() {
      if (place !== undefined && added.size > 0) {
        const name = `${kind}-${process.pid}-${Date.now().toString(36)}_${files.length}.bin`;
        const hidden = join(place.directory, `.${name}`);
        writeFileSync(hidden, records.bytesOf(added));
        renameSync(hidden, join(place.directory, name));
        open(place.directory, name);
      }
      added.clear();
    },
    refresh() {
      if (place === undefined) return;
      for (const name of readdirSync(place.directory)) {
        if (name.startsWith(`${kind}-`) && name.endsWith(".bin") && !names.has(name)) open(place.directory, name);
      }
    },
    close() {
      cache.flush();
      for (const file of files) closeSync(file);
    },
  };
  if (place !== undefined) mkdirSync(place.directory, { recursive: true });
  cache.refresh();
  return cache;
}

/** How records of one kind of vector are written and read. */
function recordsOf(secret: string, kind: string, length: number) {
  const sealed = KEY_BYTES + 4 * length;
  const size = sealed + SEAL_BYTES;
  const sealOf = (record: Uint8Array): Buffer =>
    createHmac("sha256", secret).update(`${kind}\n`).update(record.subarray(0, sealed)).digest();
  return {
    size,
    *keysIn(file: number): Generator<string> {
      const piece = Buffer.allocUnsafe(size * Math.ceil(PIECE_BYTES / size));
      for (let from = 0; ; from += piece.length) {
        const read = readSync(file, piece, 0, piece.length, from);
        for (let at = 0; at + size <= read; at += size) yield piece.toString("latin1", at, at + KEY_BYTES);
        if (read < piece.length) return;
      }
    },
    /** The vector of a record, where it is the one of this key and sealed by us. */
    read(file: number, at: number, key: string): Float32Array | undefined {
      const record = Buffer.alloc(size);
      if (readSync(file, record, 0, size, at * size) < size) return undefined;
      if (record.toString("latin1", 0, KEY_BYTES) !== key) return undefined;
      if (!timingSafeEqual(record.subarray(sealed), sealOf(record))) return undefined;
      const start = record.byteOffset + KEY_BYTES;
      return new Float32Array(record.buffer.slice(start, start + 4 * length));
    },
    bytesOf(vectors: ReadonlyMap<string, Float32Array>): Buffer {
      const out = Buffer.alloc(vectors.size * size);
      let at = 0;
      for (const [key, vector] of vectors) {
        const record = out.subarray(at, at + size);
        record.write(key, "latin1");
        record.set(new Uint8Array(vector.buffer, vector.byteOffset, 4 * length), KEY_BYTES);
        record.set(sealOf(record), sealed);
        at += size;
      }
      return out;
    },
  };
}
