import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { createImageIndex, type ImageIndex } from "../../../../server/data/image-index.ts";
import { createPackedList } from "../../../../server/data/number-list.ts";
import { findCopies } from "../../../../server/data/sanity/copies.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const folder = temporaryFolders();

it("finds copies of bytes among a million images", async () => {
  const directory = await folder();
  const count = 1_000_000;
  const written = new Map([
    [0, "a part"],
    [7, "a part"],
    [8, "b part"],
    [count - 1, "a part"],
  ]);
  for (const [image, content] of written) await writeFile(join(directory, `${image}`), content);
  // All others are of a size of their own, so that nobody reads them.
  const index: ImageIndex = {
    ...createImageIndex(),
    size: () => count,
    identityOf: (image) => image,
    stateOf: () => "ok",
    factsOf: (image) => ({ size_bytes: written.has(image) ? 6 : 7 + image, inode: `${image}` }),
    pathOf: (image) => join(directory, `${image}`),
  };
  const all = createPackedList();
  for (let image = 0; image < count; image++) all.push(image);
  const { imageOf } = await findCopies([all], index);
  expect([0, 7, 8, 9, count - 1].map(imageOf)).toEqual([0, 0, 8, 9, 0]);
});
