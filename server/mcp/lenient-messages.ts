import { Transform } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { parseJson } from "../fs/json.ts";
import { isRecord } from "../run/record.ts";

/**
 * Lets calls through that the SDK would refuse with its own schema's words: `arguments` that are null, or an object as
 * JSON text. The tool's schema judges what is in them.
 */
export function lenient(transport: Transport): Transport {
  const hear = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if ("method" in message && message.method === "tools/call" && isRecord(message.params)) mend(message.params);
    hear?.(message, extra);
  };
  return transport;
}

function mend(params: Record<string, unknown>): void {
  const { arguments: given } = params;
  if (given === null || given === "") delete params.arguments;
  if (typeof given !== "string" || !given.trim().startsWith("{")) return;
  try {
    params.arguments = parseJson(given);
  } catch {
    // The SDK says that this is no object.
  }
}

/** The same bytes without a byte order mark before the first: some shells put one into every pipe. */
export function withoutMark(input: NodeJS.ReadableStream): Transform {
  let first = true;
  const strip = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const marked = first && chunk.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]));
      first = false;
      done(null, marked ? chunk.subarray(3) : chunk);
    },
  });
  return input.pipe(strip);
}
