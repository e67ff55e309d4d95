import { constants, inflateSync } from "node:zlib";

/** Beside the bytes that are wanted: a thousand bytes of compressed data never hold more. */
const slack = 2 ** 20;

/**
 * The first `wanted` bytes, or some more, of zlib data; undefined when it ends before them or is spoiled. Takes little
 * more memory than that, whatever follows: the data is given in pieces that grow, and shrink again when one held too much.
 */
export function inflated(data: Uint8Array, wanted: number): Uint8Array | undefined {
  let [few, many] = [0, Number.POSITIVE_INFINITY];
  for (let given = Math.ceil(wanted / 4) + 1024; ; ) {
    try {
      const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: wanted + slack };
      const bytes = inflateSync(data.subarray(0, given), options);
      if (bytes.length >= wanted) return bytes;
      if (given >= data.length) return undefined;
      few = given;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") return undefined;
      many = Math.min(given, data.length);
    }
    given = many === Number.POSITIVE_INFINITY ? given * 4 : Math.floor((few + many) / 2);
  }
}

/** All of zlib data that holds `wanted` bytes and nothing behind them; undefined where it holds more or fewer, or is spoiled. */
export function wholeInflated(data: Uint8Array, wanted: number): Uint8Array | undefined {
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: wanted + 1, info: true };
    const { buffer, engine } = inflateSync(data, options) as unknown as {
      readonly buffer: Uint8Array;
      readonly engine: { readonly bytesWritten: number };
    };
    return buffer.length === wanted && engine.bytesWritten === data.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}
