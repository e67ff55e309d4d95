import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { readParquet } from "../../server/data/parquet.ts";
import { Refusal } from "../../server/errors.ts";
import { cpuMs } from "../support/cpu.ts";
import { cases } from "../support/fuzz.ts";
import { refusalOf } from "../support/refusal.ts";

const slowMs = 5000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deft-fuzz-parquet-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A Zstandard frame of one stored block: Node 20 has no compressor, and the reader has to take the codec all the same. */
function zstdStored(bytes: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(12);
  frame.writeUInt32LE(0xfd2fb528, 0);
  frame[4] = 0xa0;
  frame.writeUInt32LE(bytes.length, 5);
  frame.writeUIntLE((bytes.length << 3) | 1, 9, 3);
  return Buffer.concat([frame, bytes]);
}

type Codec = "SNAPPY" | "GZIP" | "ZSTD" | "UNCOMPRESSED";

function tableOf(codec: Codec, rows: number): Uint8Array {
  const count = { length: rows };
  const data = [
    { name: "filepath", data: Array.from(count, (_, at) => `images/board_${at}/part.jpg`) },
    { name: "label", data: Array.from(count, (_, at) => (at % 3 === 0 ? "PASS" : null)) },
    { name: "score", data: Array.from(count, (_, at) => at / 7) },
    { name: "embedding", data: Array.from(count, (_, at) => [at, at / 2, -at].slice(0, 1 + (at % 3))) },
  ];
  const text = { type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" } as const;
  const file = parquetWriteBuffer({
    codec,
    compressors: { GZIP: (bytes) => gzipSync(bytes), ZSTD: zstdStored },
    columnData: data,
    schema: [
      { name: "schema", num_children: 4 },
      { name: "filepath", ...text },
      { name: "label", ...text },
      { name: "score", type: "DOUBLE", repetition_type: "OPTIONAL" },
      { name: "embedding", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      { name: "element", type: "DOUBLE", repetition_type: "OPTIONAL" },
    ],
  });
  return new Uint8Array(file);
}

const shapes = (["SNAPPY", "GZIP", "ZSTD", "UNCOMPRESSED"] as const).flatMap((codec) =>
  [1, 40].map((rows) => ({ codec, rows, file: tableOf(codec, rows) })),
);

/** One to four bytes of a valid file set to others; half of them in what describes the file and its pages. */
const spoiled = fc.constantFrom(...shapes).chain(({ file }) => {
  const anywhere = fc.nat({ max: file.length - 1 });
  const footer = fc.integer({ min: Math.floor(file.length / 2), max: file.length - 1 });
  const flip = fc.tuple(fc.oneof(anywhere, footer), fc.nat({ max: 255 }));
  return fc.array(flip, { minLength: 1, maxLength: 4 }).map((flips) => changed(file, ...flips));
});

function changed(bytes: Uint8Array, ...flips: readonly (readonly [at: number, byte: number])[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (const [at, byte] of flips) copy[at] = byte;
  return copy;
}

describe("parquet files with spoiled bytes", () => {
  it.each(shapes)("the $codec file of $rows rows reads while it is whole", async ({ file, rows }) => {
    const path = join(folder, "whole.parquet");
    await writeFile(path, file);
    expect((await readParquet(path)).rows).toHaveLength(rows);
  });

  it("that keep the library busy for minutes are refused in seconds, and the next file is read", async () => {
    const path = join(folder, "busy.parquet");
    // The length of a definition level run: some two thousand million levels of one row.
    await writeFile(path, changed(tableOf("UNCOMPRESSED", 1), [64, 186]));
    const began = cpuMs();
    const refusal = await refusalOf(() => readParquet(path));
    expect(cpuMs() - began).toBeLessThan(slowMs);
    expect(refusal.code).toBe("input.bad-parquet");
    expect(refusal.message).toContain("could not be read as parquet in time");
    expect(refusal.facts).toMatchObject({ limit_sec: 3.5 });
    await writeFile(path, tableOf("SNAPPY", 40));
    expect((await readParquet(path)).rows).toHaveLength(40);
  });

  it("are read or refused, never for seconds", async () => {
    const path = join(folder, "spoiled.parquet");
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(spoiled, async (bytes) => {
        await writeFile(path, bytes);
        const began = cpuMs();
        try {
          await readParquet(path);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          refused++;
        }
        expect(cpuMs() - began).toBeLessThan(slowMs);
      }),
      { numRuns: cases },
    );
    expect(refused).toBeGreaterThan(0);
  }, 1_800_000);
});
