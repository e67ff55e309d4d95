import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Headway } from "./headway.ts";
import type { EngineIo } from "./io.ts";
import { openEmbeddingReader } from "./mining/embedding-reader.ts";
import { cacheEnv, cachePlace } from "./pair/cache-place.ts";
import type { CachePlace } from "./pair/feature-cache.ts";
import { type FeatureReader, type ImagePaths, openPairReader } from "./pair/pair-reader.ts";

/** What is computed of images and kept. */
const readers = { pairs: openPairReader, embeddings: openEmbeddingReader } as const;
type Kind = keyof typeof readers;

/** A process that computes features has at least so many new images to do, or it would not be worth its start. */
const WORTH_STARTING = 75;
/** No more processes than this, ours among them: reading is for the rest of the machine to bear too. */
const MOST_PROCESSES = 4;

/** Images that are seen to at one time, where there are many. */
export const SEEN_TO = 10_000;

/** Reads features of images. */
export type WarmReader = {
  /**
   * Sees to the features of some images; those that lack are computed on several processors. Given the same array of
   * paths, `read` then need not look at the files again.
   */
  prepare(images: readonly ImagePaths[], headway?: Headway): Promise<void>;
  /** The features of one image. @throws EngineFailure for an image that is missing or cannot be read. */
  read(paths: ImagePaths): Float32Array;
  close(): void;
};

/**
 * Opens a reader of features, which are kept where there is a place for it and else forgotten when it is closed.
 * `prepare` is pure saving of time: without a second core or the bin nothing happens, and an image that cannot be read is
 * left to whoever needs it, with the error that belongs there.
 */
export function openWarmReader(kind: Kind, kept: CachePlace | undefined): WarmReader {
  const bin = process.argv[1] ?? "";
  const most = Math.min(MOST_PROCESSES, availableParallelism());
  if (most < 2 || !/deft-mcp(\.js)?$/.test(bin)) return { ...readers[kind](kept), prepare: async () => undefined };
  const folder = mkdtempSync(join(tmpdir(), "deft-images-"));
  const place = kept ?? { directory: join(folder, "features"), key: randomBytes(32).toString("hex") };
  const reader = readers[kind](place);
  const helpers: Helper[] = [];
  const keys = new Map<ImagePaths, string>();
  return {
    read(paths) {
      const key = keys.get(paths);
      return (key === undefined ? undefined : reader.find(key)) ?? reader.read(paths);
    },
    async prepare(images, headway = () => undefined) {
      keys.clear();
      if (images.length < 2 * WORTH_STARTING) return;
      const missing: ImagePaths[] = [];
      const sharesNow = () => Math.min(most, Math.floor(missing.length / WORTH_STARTING));
      for (const paths of images) {
        const key = unlessUnreadable(() => reader.keyOf(paths));
        if (key === undefined) continue;
        keys.set(paths, key);
        if (reader.find(key) === undefined) missing.push(paths);
        // They start while the rest is looked at.
        while (helpers.length < sharesNow() - 1) helpers.push(startHelper(kind, place, bin));
      }
      const shares = sharesNow();
      if (shares < 2) return;
      const share = (of: number) => missing.filter((_, at) => at % shares === of);
      const asked = helpers
        .slice(0, shares - 1)
        .map((helper, at) => helper.ask(join(folder, `images-${at}.json`), share(at + 1)));
      const answers = await Promise.all(asked);
      // The other processes are about as far.
      computeAll(reader, share(0), (done) => headway(images.length - missing.length + shares * done));
      await Promise.all(answers.map(({ come }) => come));
      reader.refresh();
    },
    close() {
      for (const helper of helpers) helper.end();
      reader.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Helper = {
  /** Gives it a list of images; `come` settles when it has written their features, or has ended. */
  ask(list: string, images: readonly ImagePaths[]): Promise<{ readonly come: Promise<unknown> }>;
  end(): void;
};

function startHelper(kind: Kind, place: CachePlace, bin: string): Helper {
  const env = { ...process.env, ...cacheEnv(place) };
  const other = spawn(process.execPath, [bin, "engine", "image_features", kind], {
    stdio: ["pipe", "pipe", "ignore"],
    env,
  });
  const ended = endOf(other);
  const lines = createInterface(other.stdout)[Symbol.asyncIterator]();
  return {
    async ask(list, images) {
      // JSON would have null for a golden image that there is not.
      const text = JSON.stringify(images.map((paths) => paths.filter((path) => path !== undefined)));
      try {
        writeFileSync(list, text);
      } catch {
        // Where there is no room for the list, whoever needs the features computes them.
        return { come: Promise.resolve() };
      }
      // It must have the line before this process computes, and hears nothing meanwhile: a short one is not waited for.
      await new Promise<unknown>((resolve) => other.stdin.write(`${list}\n`, resolve));
      return { come: Promise.race([lines.next(), ended]) };
    },
    end: () => void other.stdin.end(),
  };
}

function endOf(other: ChildProcess): Promise<unknown> {
  other.stdin?.on("error", () => undefined);
  return new Promise((resolve) => {
    other.on("exit", resolve);
    other.on("error", resolve);
  });
}

/**
 * `image_features KIND`: a share of the work of `openWarmReader`; each line of its input names a JSON file of paths,
 * answered by an empty line when their features are kept.
 */
export async function imageFeatures([kind = ""]: string[], io: EngineIo): Promise<number> {
  const place = cachePlace(io);
  if (place === undefined || !Object.hasOwn(readers, kind)) return 1;
  const reader = readers[kind as Kind](place);
  for await (const list of createInterface(process.stdin)) {
    computeAll(reader, JSON.parse(readFileSync(list, "utf8")) as ImagePaths[]);
    reader.flush();
    io.stdout.write("\n");
  }
  reader.close();
  return 0;
}

function computeAll(reader: FeatureReader, images: readonly ImagePaths[], headway: Headway = () => undefined): void {
  for (const [at, paths] of images.entries()) {
    headway(at);
    unlessUnreadable(() => reader.read(paths));
  }
}

/** What a look at an image finds; an image that cannot be read is told of by the task that needs it. */
function unlessUnreadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
