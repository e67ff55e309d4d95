import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { writeFailure } from "./write-failure.ts";

/** A file that grows by whole lines: each is handed to the system in one write, so a killed process leaves no part. */
export type LineFile = {
  /** Adds a line. @throws Refusal `input.write-failed`; the file then ends with the line before. */
  append(line: string): void;
  close(): void;
};

/** Creates the file, readable by this user only; undefined when it exists. @throws Refusal `input.write-failed`. */
export function createLineFile(path: string): LineFile | undefined {
  let file: number;
  try {
    file = openSync(path, "ax", 0o600);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return undefined;
    throw writeFailure(path, error);
  }
  let size = 0;
  return {
    append(line) {
      try {
        size += writeWhole(file, Buffer.from(`${line}\n`));
      } catch (error) {
        cutTo(file, size);
        throw writeFailure(path, error);
      }
    },
    close: () => closeSync(file),
  };
}

/** A disk that fills up takes the first part of a write without a word and fails at the second. */
function writeWhole(file: number, bytes: Uint8Array): number {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  return bytes.length;
}

function cutTo(file: number, size: number): void {
  try {
    ftruncateSync(file, size);
  } catch {
    // The disk takes no change at all; readers refuse the torn line.
  }
}
