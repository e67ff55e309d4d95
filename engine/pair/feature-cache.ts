import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KEY_BYTES = 32;
const SEAL_BYTES = 32;

/** Where vectors are kept, and the key of whoever may write there: what it did not seal is not read. */
export type CachePlace = { readonly directory: string; readonly key: string };

/** Vectors by image content, kept on disk between the programs of one run. */
export type FeatureCache = {
  get(key: string): Float32Array | undefined;
  put(key: string, vector: Float32Array): void;
  /** Writes what was added since opening as one new file; nothing is ever rewritten. */
  close(): void;
};

/** The key of a vector computed by `kind` (with its version) from these file contents. */
export function contentKey(kind: string, contents: readonly Uint8Array[]): string {
  const hash = createHash("sha256").update(kind);
  for (const bytes of contents) hash.update(`|${bytes.length}|`).update(bytes);
  return hash.digest().toString("latin1");
}

/**
 * Opens the cache in a directory, or one that forgets at once when there is none.
 *
 * A file holds records of key and `length` float32 values (in this host's byte order) for one kind of vector, and a seal over them; a file that is
 * damaged, or that somebody else wrote, is ignored.
 */
export function openFeatureCache(place: CachePlace | undefined, kind: string, length: number): FeatureCache {
  const known = new Map<string, Float32Array>();
  const added = new Map<string, Float32Array>();
  if (place !== undefined) {
    mkdirSync(place.directory, { recursive: true });
    for (const name of readdirSync(place.directory)) {
      if (!name.startsWith(`${kind}-`) || !name.endsWith(".bin")) continue;
      readRecords(openSeal(readFileSync(join(place.directory, name)), kind, place.key), length, known);
    }
  }
  return {
    get: (key) => added.get(key) ?? known.get(key),
    put: (key, vector) => void added.set(key, vector),
    close() {
      if (place === undefined || added.size === 0) return;
      const name = `${kind}-${process.pid}-${Date.now().toString(36)}.bin`;
      const records = recordBytes(added, length);
      const hidden = join(place.directory, `.${name}`);
      writeFileSync(hidden, Buffer.concat([records, sealOf(records, kind, place.key)]));
      renameSync(hidden, join(place.directory, name));
      added.clear();
    },
  };
}

function sealOf(records: Uint8Array, kind: string, key: string): Buffer {
  return createHmac("sha256", key).update(`${kind}\n`).update(records).digest();
}

/** The records of a file that we sealed; of any other none. */
function openSeal(bytes: Buffer, kind: string, key: string): Buffer {
  const end = Math.max(0, bytes.length - SEAL_BYTES);
  const [records, seal] = [bytes.subarray(0, end), bytes.subarray(end)];
  const isOurs = seal.length === SEAL_BYTES && timingSafeEqual(seal, sealOf(records, kind, key));
  return isOurs ? records : Buffer.alloc(0);
}

function readRecords(bytes: Buffer, length: number, into: Map<string, Float32Array>): void {
  const size = KEY_BYTES + 4 * length;
  if (bytes.length % size !== 0) return;
  for (let at = 0; at < bytes.length; at += size) {
    const start = bytes.byteOffset + at + KEY_BYTES;
    const vector = new Float32Array(bytes.buffer.slice(start, start + 4 * length));
    into.set(bytes.toString("latin1", at, at + KEY_BYTES), vector);
  }
}

function recordBytes(vectors: ReadonlyMap<string, Float32Array>, length: number): Buffer {
  const size = KEY_BYTES + 4 * length;
  const out = Buffer.alloc(vectors.size * size);
  let at = 0;
  for (const [key, vector] of vectors) {
    out.write(key, at, "latin1");
    out.set(new Uint8Array(vector.buffer, vector.byteOffset, 4 * length), at + KEY_BYTES);
    at += size;
  }
  return out;
}
