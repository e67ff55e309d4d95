import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { findNearest } from "../../../server/data/nearest.ts";
import { writeParquet } from "../../../server/data/parquet.ts";
import { digestFiles } from "../../../server/data/process/image-batches.ts";
import { laneCount } from "../../../server/data/process/lanes.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();

async function aTable(path: string, rows: number, length: number): Promise<string> {
  const vectorAt = (row: number) => Array.from({ length }, (_, at) => Math.sin(row * 7 + at * at));
  await writeParquet(path, [
    { name: "filepath", type: "string", values: { length: rows, at: (row: number) => `/${row}` } },
    { name: "embedding", type: "double_list", values: { length: rows, at: vectorAt } },
  ]);
  return path;
}

/** As many searches as run at one time, each begun and far from its end; `stop` ends them. */
async function searches(place: string, rows: number, length: number) {
  const [source, targets] = [
    await aTable(join(place, "s"), rows, length),
    await aTable(join(place, "t"), rows / 4, length),
  ];
  const tables = { source, targets };
  const ending = new AbortController();
  let ended = 0;
  const all: Promise<unknown>[] = [];
  await Promise.all(
    Array.from({ length: laneCount }, async () => {
      await new Promise<void>((onProgress, reject) => {
        const watch = { onProgress: () => onProgress(), signal: ending.signal };
        const search = findNearest(tables, { metric: "cosine", k: 1 }, watch).catch(reject);
        all.push(search.finally(() => ended++));
      });
    }),
  );
  const stop = async () => {
    ending.abort();
    await Promise.all(all);
  };
  return { ended: () => ended, stop };
}

describe("the processes that read files", () => {
  it("have room for a file while others compare large tables", async () => {
    const place = await folder();
    const path = join(place, "a.jpg");
    await writeFile(path, "");
    const { ended, stop } = await searches(place, 12_000, 128);
    expect(await digestFiles([path])).toHaveLength(1);
    expect(ended()).toBe(0);
    await stop();
  });

  it("are waited for no longer by a call that is cancelled", async () => {
    const place = await folder();
    // Short vectors: the tables are small enough for these processes, and yet take long to compare.
    const { ended, stop } = await searches(place, 80_000, 8);
    const cancelled = new AbortController();
    const waiting = Array.from({ length: 3 }, () => digestFiles([join(place, "s")], cancelled.signal));
    setImmediate(() => cancelled.abort(new Error("cancelled")));
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
    expect(ended()).toBe(0);
    await stop();
  });
});
