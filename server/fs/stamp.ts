import { lstatSync, type Stats, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../errors.ts";

/**
 * Kind, size, times and inode of what stands at a path, in one line: equal lines mean that nobody touched it. `absent`
 * where nothing can be seen. A link counts as what it leads to, unless `links` stand for themselves.
 */
export function stampOf(path: string, links: "followed" | "themselves" = "followed"): string {
  try {
    const found = (links === "followed" ? statSync : lstatSync)(path, { throwIfNoEntry: false });
    return found === undefined ? "absent" : lineOf(found);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return "absent";
  }
}

function lineOf({ mode, size, mtimeMs, ctimeMs, ino }: Stats): string {
  return `${mode & kindBits} ${size} ${mtimeMs} ${ctimeMs} ${ino}`;
}

const kindBits = 0o170000;

/** Length in bytes and time of the last change (ms since 1970) that a stamp tells; NaN of what is absent. */
export function toldBy(stamp: string): { readonly size_bytes: number; readonly changed_ms: number } {
  const [, size, , changed] = stamp.split(" ");
  return { size_bytes: Number(size), changed_ms: Number(changed) };
}

/** A file system's clock goes in steps of a few milliseconds. */
const clockTickMs = 50;

/** Whether a file was last changed (ms since 1970) so long ago that another change would show in its times. */
export function isSettled(changed_ms: number): boolean {
  return Date.now() - changed_ms > clockTickMs;
}

/** Whether a stamp is of an ordinary file. */
export function isFileStamp(stamp: string): boolean {
  return stamp.startsWith(`${0o100000} `);
}

/** Stamps of every file and link below a directory, by path; links stand for themselves. None of an absent one. */
export async function stampsBelow(directory: string): Promise<ReadonlyMap<string, string>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch(nothing);
  const paths = found.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const stamps = paths.map((path) => [path, stampOf(path, "themselves")] as const);
  return new Map(stamps.filter(([, stamp]) => stamp !== "absent"));
}

function nothing(error: unknown): [] {
  const errno = errnoOf(error);
  if (errno === "ENOENT" || errno === "ENOTDIR") return [];
  throw error;
}
