import type { AsyncBuffer, Compressors, FileMetaData, SchemaElement } from "hyparquet";
import { Refusal } from "../../errors.ts";
import { openRegular, unreadable } from "../../fs/regular-file.ts";

/** A parquet file of which only what is asked for is read. */
export type ParquetFile = {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  /** Names of the top-level columns. */
  readonly columns: readonly string[];
  readonly compressors: Compressors;
};

/** Decompressed pages may hold this much, and this many times the file, before the file counts as spoiled. */
const freeBytes = 256e6;
const ratio = 64;
/** One page may hold this much: writers make them of a megabyte. */
const pageBytes = 256e6;

/** Opens a parquet file for the time of `use`. @throws Refusal `input.unreadable-file`, `input.bad-parquet`. */
export async function* withParquet<Found>(
  path: string,
  use: (file: ParquetFile) => AsyncGenerator<Found>,
): AsyncGenerator<Found> {
  const { file: handle, size } = await openRegular(path);
  try {
    const [{ parquetMetadataAsync }, { compressors }] = await Promise.all([
      import("hyparquet"),
      import("hyparquet-compressors"),
    ]);
    const file: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        for (let at = 0, more = 1; more > 0 && at < bytes.length; at += more) {
          more = (await handle.read(bytes, at, bytes.length - at, start + at)).bytesRead;
        }
        return bytes.buffer;
      },
    };
    const metadata = await parquetMetadataAsync(file);
    const columns = topLevelColumns(metadata.schema);
    yield* use({ file, metadata, columns, compressors: boundedBy(compressors, freeBytes + ratio * size) });
  } catch (error) {
    const known = unreadable(path, error);
    if (known instanceof Refusal) throw known;
    throw new Refusal("input.bad-parquet", `${path} is not a readable parquet file.`, { path }, { cause: error });
  } finally {
    await handle.close();
  }
}

/** A page tells how long it will be before it is decompressed: a small file must not ask for all memory. */
function boundedBy(compressors: Compressors, limit: number): Compressors {
  let left = limit;
  const bound: Compressors = {};
  for (const [codec, decompress] of Object.entries(compressors)) {
    bound[codec as keyof Compressors] = (input: Uint8Array, outputLength: number) => {
      left -= outputLength;
      if (left < 0 || outputLength > pageBytes) throw new Error(`the pages hold more than ${limit} bytes`);
      return decompress(input, outputLength);
    };
  }
  return bound;
}

function topLevelColumns(schema: readonly SchemaElement[]): string[] {
  const names: string[] = [];
  const skip = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (schema[at]?.num_children ?? 0); child++) next = skip(next);
    return next;
  };
  for (let at = 1; at < schema.length; at = skip(at)) names.push(schema[at]?.name ?? "");
  return names;
}
