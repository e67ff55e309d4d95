import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { noFolder } from "../../../server/run/nearest.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();

describe("a path that should be a folder", () => {
  it("is told with what beside it was probably meant", async () => {
    const place = await newFolder();
    await mkdir(join(place, "board-photos"));
    const { message, facts } = await noFolder(join(place, "bord-photos"));
    expect(facts.nearest).toBe(join(place, "board-photos"));
    expect(message).toBe(`There is no ${join(place, "bord-photos")}. Did you mean ${join(place, "board-photos")}?`);
  });

  it("is told plainly where nothing is like it, and where it is a file", async () => {
    const place = await newFolder();
    await writeFile(join(place, "photos.zip"), "");
    expect(await noFolder(join(place, "elsewhere"))).toEqual({
      message: `There is no ${join(place, "elsewhere")}.`,
      facts: { path: join(place, "elsewhere") },
    });
    expect((await noFolder(join(place, "photos.zip"))).message).toMatch(/photos\.zip is not a directory/);
    expect((await noFolder(join(place, "no", "such", "folder"))).message).toMatch(/^There is no /);
  });
});
