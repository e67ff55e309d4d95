import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { createImageIndex } from "../../../server/data/image-index.ts";
import { tinyJpeg } from "../../support/boards.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
const kinds = ["ok", "missing", "bad", "link"] as const;

/** 2400 files of every kind in turn; enough for a slow file system to be noticed on the way. */
async function aFolder() {
  const directory = await folder();
  await writeFile(join(directory, "target.jpg"), tinyJpeg);
  const names = Array.from({ length: 2400 }, (_, at) => `${kinds[at % kinds.length]}-${at}.jpg`);
  for (const name of names) {
    if (name.startsWith("ok")) await writeFile(join(directory, name), tinyJpeg);
    if (name.startsWith("bad")) await writeFile(join(directory, name), "no image");
    if (name.startsWith("link")) await symlink("target.jpg", join(directory, name));
  }
  return { directory, names };
}

describe("looking at images", () => {
  it.each([
    ["one after the other", Number.POSITIVE_INFINITY],
    ["several at once on a slow file system", 0],
  ])("%s gives the same answers", async (_, slowMsPerFile) => {
    const { directory, names } = await aFolder();
    const index = createImageIndex(slowMsPerFile);
    const numbers = names.map((name) => index.numberOf(directory, name));
    await index.probe();
    const target = index.numberOf(directory, "target.jpg");
    for (const [at, number] of numbers.entries()) {
      const kind = kinds[at % kinds.length] ?? "ok";
      expect(index.stateOf(number)).toBe(kind === "link" ? "ok" : kind);
      expect(index.identityOf(number)).toBe(kind === "link" ? target : number);
    }
  });

  it("one file has one number, whatever the spelling of its directory", async () => {
    const directory = await folder();
    await mkdir(join(directory, "a/b"), { recursive: true });
    await symlink("a", join(directory, "alias"));
    const index = createImageIndex();
    const spellings = ["a/b", "a//b", "a/./b", "a/b/../b", "alias/b"].map((path) => join(directory, "/").concat(path));
    expect(new Set(spellings.map((spelling) => index.numberOf(spelling, "x.jpg"))).size).toBe(1);
    expect(index.numberOf(directory, "a/b/x.jpg")).toBe(0);
    expect(index.numberOf(join(directory, "none/b"), "x.jpg")).toBe(index.numberOf(`${directory}/none//b`, "x.jpg"));
  });

  it("tells a file that may not be read from one that is not there", async () => {
    const directory = await folder();
    await chmod(directory, 0o755);
    const path = join(directory, "x.jpg");
    await writeFile(path, tinyJpeg);
    await chmod(path, 0o000);
    const index = createImageIndex();
    const number = index.numberOf(directory, "x.jpg");
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    try {
      await index.probe();
    } finally {
      if (root) process.seteuid?.(0);
    }
    expect(index.stateOf(number)).toBe("unreadable");
  });

  it("stops when it is told to", async () => {
    const index = createImageIndex();
    index.numberOf("/", "none.jpg");
    await expect(index.probe(AbortSignal.abort())).rejects.toThrow();
  });
});
