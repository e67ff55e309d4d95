import { mkdir, open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { limits } from "../../../../server/fs/limits.ts";
import { readText } from "../../../../server/fs/read.ts";
import { stampOf } from "../../../../server/fs/stamp.ts";
import { acceptImages, changedImages } from "../../../../server/loop/running/image-pins.ts";
import { runPaths } from "../../../../server/run/paths.ts";
import { aState } from "../../../support/a-run.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const newFolder = temporaryFolders();

/** A run whose list names images that are gone, more than one text can hold, and a last one that is another now. */
async function runOfManyImages() {
  const home = await newFolder();
  const last = join(home, "last.jpg");
  await writeFile(last, "an image");
  const run = join(home, "results", "run_20261121_100000");
  const list = runPaths(run).imageDigests;
  await mkdir(dirname(list), { recursive: true });
  const gone = join(home, "gone", "ä".repeat(1500));
  const line = `${JSON.stringify([gone, "a stamp", "0".repeat(64)])}\n`;
  const lines = Math.ceil((1 << 20) / line.length);
  const file = await open(list, "w");
  let images = 1;
  for (; (await file.stat()).size <= limits.text_bytes; images += lines) await file.write(line.repeat(lines));
  await file.write(JSON.stringify([last, "an older stamp", "0".repeat(64)]));
  await file.close();
  return { run, state: { ...aState(run), pins: { [list]: "any" } }, last, images };
}

describe("the list of a run's images", () => {
  it("may be longer than any text, and is proved and written anew to its end", async () => {
    const { run, state, last, images } = await runOfManyImages();
    const changed = await changedImages(run, state);
    expect([changed.length, changed.at(-1)?.path]).toEqual([images, last]);
    await acceptImages(run, state);
    expect(await changedImages(run, state)).toEqual([]);
    expect(await readText(runPaths(run).imageDigests)).toContain(JSON.stringify([last, stampOf(last)]).slice(0, -1));
  });
});
