import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KEY_BYTES = 20;

/** Vectors by image content, kept on disk between the programs of one run. */
export type FeatureCache = {
  get(key: string): Float32Array | undefined;
  put(key: string, vector: Float32Array): void;
  /** Writes what was added since opening as one new file; nothing is ever rewritten. */
  close(): void;
};

/** The key of a vector computed by `kind` (with its version) from these file contents. */
export function contentKey(kind: string, contents: readonly Uint8Array[]): string {
  const hash = createHash("sha1").update(kind);
  for (const bytes of contents) hash.update(`|${bytes.length}|`).update(bytes);
  return hash.digest().toString("latin1");
}

/**
 * Opens the cache in a directory, or one that forgets at once when there is none.
 *
 * A file holds records of key and `length` float32 values for one kind of vector; a damaged file is ignored.
 */
export function openFeatureCache(directory: string | undefined, kind: string, length: number): FeatureCache {
  const known = new Map<string, Float32Array>();
  const added = new Map<string, Float32Array>();
  if (directory !== undefined) {
    mkdirSync(directory, { recursive: true });
    for (const name of readdirSync(directory)) {
      if (name.startsWith(`${kind}-`) && name.endsWith(".bin"))
        readRecords(readFileSync(join(directory, name)), length, known);
    }
  }
  return {
    get: (key) => added.get(key) ?? known.get(key),
    put: (key, vector) => void added.set(key, vector),
    close() {
      if (directory === undefined || added.size === 0) return;
      const name = `${kind}-${process.pid}-${Date.now().toString(36)}.bin`;
      writeFileSync(join(directory, `.${name}`), recordBytes(added, length));
      renameSync(join(directory, `.${name}`), join(directory, name));
      added.clear();
    },
  };
}

function readRecords(bytes: Buffer, length: number, into: Map<string, Float32Array>): void {
  const size = KEY_BYTES + 4 * length;
  if (bytes.length % size !== 0) return;
  for (let at = 0; at < bytes.length; at += size) {
    const vector = new Float32Array(length);
    for (let i = 0; i < length; i++) vector[i] = bytes.readFloatLE(at + KEY_BYTES + 4 * i);
    into.set(bytes.toString("latin1", at, at + KEY_BYTES), vector);
  }
}

function recordBytes(vectors: ReadonlyMap<string, Float32Array>, length: number): Buffer {
  const size = KEY_BYTES + 4 * length;
  const out = Buffer.alloc(vectors.size * size);
  let at = 0;
  for (const [key, vector] of vectors) {
    out.write(key, at, "latin1");
    for (let i = 0; i < length; i++) out.writeFloatLE(vector[i] ?? 0, at + KEY_BYTES + 4 * i);
    at += size;
  }
  return out;
}
