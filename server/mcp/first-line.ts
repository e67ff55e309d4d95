import type { Readable } from "node:stream";
import { parseJson } from "../fs/json.ts";

/** Beyond this nothing is a first message; whoever reads on says so. */
const mostBytes = 10 * 1024 * 1024;

/**
 * The first message of a stream of lines, which stays in the stream for whoever reads it; undefined where it is no JSON
 * or never came.
 */
export async function firstMessage(input: Readable): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const line = await new Promise<string>((resolve) => {
    const look = () => {
      for (let piece = input.read() as Buffer | null; piece !== null; piece = input.read() as Buffer | null) {
        pieces.push(piece);
        bytes += piece.length;
        if (!piece.includes("\n") && bytes < mostBytes) continue;
        const heard = Buffer.concat(pieces);
        const text = heard.toString("utf8").trimStart();
        if (!text.includes("\n") && bytes < mostBytes) continue;
        input.off("readable", look).off("end", end);
        input.unshift(heard);
        return resolve(text.split("\n", 1)[0] ?? "");
      }
    };
    const end = () => {
      input.off("readable", look);
      resolve(Buffer.concat(pieces).toString("utf8"));
    };
    input.on("readable", look).on("end", end);
  });
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}
