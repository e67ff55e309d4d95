import { chmod, mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createImageIndex } from "../../../server/data/image-index.ts";
import { createTextTable } from "../../../server/data/text-table.ts";
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
    const index = createImageIndex({}, slowMsPerFile);
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

  it("one file has one number and its name, whatever ending it shares with others", async () => {
    const directory = await folder();
    const texts = createTextTable();
    texts.numberOf("C1@1");
    const endings = ["_A.jpg", "_B_A.jpg", "_B.jpg"];
    const [shared, plain] = [createImageIndex({ endings, texts }), createImageIndex()];
    const objects = ["C1@1", "C1@1_B", "", "x/C1@1", "../C1@1", "C1@1_A.jpg"];
    const names = objects.flatMap((object) => [...endings, ".jpg", ""].map((ending) => object + ending));
    const spelled = names.flatMap((name) => [name, `./${name}`]).filter((name) => !name.endsWith("/"));
    for (const name of spelled) expect(shared.numberOf(directory, name)).toBe(plain.numberOf(directory, name));
    expect(shared.size()).toBe(plain.size());
    const all = Array.from({ length: plain.size() }, (_, file) => file);
    expect(all.map(shared.pathOf)).toEqual(all.map(plain.pathOf));
    expect(all.map(shared.nameOf)).toEqual(all.map(plain.nameOf));
    await shared.look();
    await plain.look();
    expect(shared.seen()).toBe(plain.seen());
  });

  it("links lead where the system says they do", async () => {
    const steps = fc.constantFrom("a", "b", "f", "x", "y", "z", "..", ".");
    const target = fc.record({
      absolute: fc.boolean(),
      parts: fc.array(steps, { minLength: 1, maxLength: 5 }),
      end: fc.constantFrom("", "", "", "/", "//f"),
    });
    const tree = fc.array(
      fc.tuple(fc.constantFrom("", "a/", "a/b/"), fc.constantFrom("f", "x", "y", "z", "w"), target),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(tree, async (links) => {
        const root = await realpath(await folder());
        await mkdir(join(root, "a/b"), { recursive: true });
        for (const directory of ["", "a/b"]) await writeFile(join(root, directory, "f"), tinyJpeg);
        for (const [directory, name, { absolute, parts, end }] of links) {
          const to = (absolute ? `${root}/` : "") + parts.join("/") + end;
          await symlink(to, join(root, directory, name)).catch(() => undefined);
        }
        const index = createImageIndex();
        const paths = links.map(([directory, name]) => join(root, directory, name));
        const numbers = paths.map((path) => index.numberOf(dirname(path), basename(path)));
        await index.look();
        for (const [at, path] of paths.entries()) {
          const real = await realpath(path).catch(() => undefined);
          const number = numbers[at] ?? -1;
          expect([path, index.isThere(number)]).toEqual([path, real !== undefined]);
          expect(index.pathOf(index.identityOf(number))).toBe(real ?? path);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("follows as many links in a row as the system, in whatever order they are looked at", async () => {
    const directory = await folder();
    await writeFile(join(directory, "0"), tinyJpeg);
    const names = Array.from({ length: 42 }, (_, at) => String(at));
    for (const name of names.slice(1)) await symlink(String(Number(name) - 1), join(directory, name));
    for (const some of [names, [...names].reverse()]) {
      const index = createImageIndex();
      const numbers = some.map((name) => index.numberOf(directory, name));
      await index.probe();
      const real = await Promise.all(some.map((name) => realpath(join(directory, name)).catch(() => undefined)));
      expect(numbers.map(index.stateOf)).toEqual(real.map((path) => (path === undefined ? "missing" : "ok")));
      expect(real.filter((path) => path === undefined)).toHaveLength(1);
    }
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
