import { z } from "zod";
import { writeAtomic } from "../fs/atomic.ts";
import { fileFacts, readTextIfPresent } from "../fs/read.ts";
import { describeImage, type ImageContent } from "./image-content.ts";

/** Contents of images, each file read and decoded once. */
export type Contents = {
  /** @throws Refusal `input.unreadable-file`. */
  of(path: string): Promise<ImageContent>;
  /** Keeps what was read for the next call, if there is a place for it. */
  save(): Promise<void>;
};

const entrySchema = z.tuple([z.string(), z.string(), z.string(), z.string(), z.string()]);

/**
 * Contents with a cache file, or without one for a single look. An entry counts only for a file of the same size, time
 * and inode; a damaged cache is an empty one.
 */
export async function openContents(cachePath?: string): Promise<Contents> {
  const known = cachePath === undefined ? new Map<string, Kept>() : await readCache(cachePath);
  let fresh = 0;
  return {
    async of(path) {
      const stamp = await stampOf(path);
      const kept = known.get(path);
      if (kept !== undefined && kept.stamp === stamp) return kept.content;
      const content = await describeImage(path);
      known.set(path, { stamp, content });
      fresh++;
      return content;
    },
    async save() {
      if (cachePath === undefined || fresh === 0) return;
      await writeAtomic(cachePath, linesOf(known));
      fresh = 0;
    },
  };
}

type Kept = { readonly stamp: string; readonly content: ImageContent };

async function stampOf(path: string): Promise<string> {
  const facts = await fileFacts(path);
  return facts === undefined ? "absent" : `${facts.size_bytes} ${facts.mtime_ms} ${facts.ctime_ms} ${facts.ino}`;
}

async function readCache(path: string): Promise<Map<string, Kept>> {
  const known = new Map<string, Kept>();
  for (const line of ((await readTextIfPresent(path)) ?? "").split("\n")) {
    const entry = entrySchema.safeParse(parsed(line));
    if (!entry.success) continue;
    const [image, stamp, bytes, pixels, fields] = entry.data;
    known.set(image, { stamp, content: { bytes, ...(pixels === "" ? {} : { pixels, fields }) } });
  }
  return known;
}

function* linesOf(known: ReadonlyMap<string, Kept>): Generator<string> {
  for (const [image, { stamp, content }] of known) {
    yield `${JSON.stringify([image, stamp, content.bytes, content.pixels ?? "", content.fields ?? ""])}\n`;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
