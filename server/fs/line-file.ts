import { closeSync, openSync, writeSync } from "node:fs";
import { errnoOf, Refusal } from "../errors.ts";

/** A file that grows by whole lines: each is handed to the system in one write, so a killed process leaves no part. */
export type LineFile = { append(line: string): void; close(): void };

/** Creates the file, readable by this user only; undefined when it exists. @throws Refusal `input.write-failed`. */
export function createLineFile(path: string): LineFile | undefined {
  let file: number;
  try {
    file = openSync(path, "ax", 0o600);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") return undefined;
    if (errno === undefined) throw error;
    throw new Refusal("input.write-failed", `Cannot write ${path}: ${errno}.`, { path, errno }, { cause: error });
  }
  return { append: (line) => void writeSync(file, `${line}\n`), close: () => closeSync(file) };
}
