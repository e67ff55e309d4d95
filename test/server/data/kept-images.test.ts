import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { seenFiles } from "../../../server/data/image-index.ts";
import { keptOfFiles } from "../../../server/data/kept-files.ts";
import { withKeptImages } from "../../../server/data/kept-images.ts";
import { loadTable } from "../../../server/data/kept-table.ts";
import { isSettled } from "../../../server/fs/stamp.ts";
import { cpuMs } from "../../support/cpu.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();

/** Some files that were written long enough ago, and a home of their own. */
async function someFiles() {
  const home = await folder();
  const paths = ["a", "b", "c"].map((name) => join(home, name));
  for (const path of paths) await written(path, path);
  const place = { env: { HOME: home }, workspace: "/workspace" };
  /** The files that had to be looked at. */
  const look = (kind = "length", asked: readonly string[] = paths, ground = "") =>
    withKeptImages(place, async () => {
      const made: string[] = [];
      const files = await seenFiles(asked);
      const make = async (some: readonly number[]) => {
        const them = some.map(files.index.pathOf);
        made.push(...them);
        return await Promise.all(them.map(async (path) => (await readFile(path)).length));
      };
      const answers = await keptOfFiles<number>(kind, files, make, ground);
      return { made, answers };
    });
  return { home, paths, look };
}

/** Writes a file and waits until its times tell it from one that is written now. */
async function written(path: string, text: string) {
  await writeFile(path, text);
  const { ctimeMs } = await stat(path);
  while (Date.now() - ctimeMs < 100) await setTimeout(10);
}

async function keptFile(home: string) {
  const directory = join(home, ".cache", "deft-mcp", "images");
  const [name = ""] = await readdir(directory);
  return join(directory, name);
}

describe("what was made of the images of a workspace", () => {
  it("is made of new and changed files alone the next time", async () => {
    const { paths, look } = await someFiles();
    const first = await look();
    expect(first.made).toEqual(paths);
    expect(await look()).toEqual({ made: [], answers: first.answers });
    await written(paths[1] ?? "", "changed");
    expect(await look()).toEqual({ made: [paths[1]], answers: [first.answers[0], 7, first.answers[2]] });
    expect((await look("another kind")).made).toEqual(paths);
  });

  it("is kept of files that are asked for apart, and of one ground alone", async () => {
    const { paths, look } = await someFiles();
    expect((await look("length", paths.slice(0, 1), "one set")).made).toEqual(paths.slice(0, 1));
    expect((await look("length", paths.slice(1), "one set")).made).toEqual(paths.slice(1));
    expect((await look("length", paths, "one set")).made).toEqual([]);
    expect((await look("length", paths, "another set")).made).toEqual(paths);
    expect((await look("length", paths, "one set")).made).toEqual(paths);
  });

  it("is kept of the other files of a large directory when one is asked for, and of none that is gone", async () => {
    const { home, look } = await someFiles();
    const directory = join(home, "images");
    await mkdir(directory);
    const many = Array.from({ length: 1100 }, (_, at) => join(directory, `image ${at}`));
    for (const path of many.slice(1)) await writeFile(path, path);
    await written(many[0] ?? "", "one");
    await look("length", many);
    const { size } = await stat(await keptFile(home));
    await written(many[7] ?? "", "touched");
    expect((await look("length", many.slice(7, 8))).made).toEqual([many[7]]);
    expect((await look("length", many)).made).toEqual([]);
    for (const path of many.slice(10)) await rm(path);
    await written(many[8] ?? "", "touched");
    await look("length", many.slice(8, 9));
    expect((await look("length", many.slice(0, 10))).made).toEqual([]);
    expect((await stat(await keptFile(home))).size).toBeLessThan(size / 10);
  });

  it("counts for nothing where somebody else wrote it", async () => {
    const { home, paths, look } = await someFiles();
    await look();
    const kept = await keptFile(home);
    expect((await stat(kept)).mode & 0o077).toBe(0);
    const bytes = await readFile(kept);
    const spoilt = Buffer.from(bytes);
    spoilt[20] = (spoilt[20] ?? 0) ^ 1;
    await writeFile(kept, spoilt);
    expect((await look()).made).toEqual(paths);
    await writeFile(kept, "");
    expect((await look()).made).toEqual(paths);
  });

  it("is not kept where there is no home", async () => {
    const { paths } = await someFiles();
    const files = await seenFiles(paths);
    const made: string[] = [];
    for (let time = 0; time < 2; time++) {
      await withKeptImages({ env: {}, workspace: "/workspace" }, () =>
        keptOfFiles("length", files, async (some) => {
          made.push(...some.map(files.index.pathOf));
          return some.map(() => 1);
        }),
      );
    }
    expect(made).toEqual([...paths, ...paths]);
  });

  it("is kept of files alone that can not be written again with the same times", () => {
    expect(isSettled(Date.now() - 60_000)).toBe(true);
    expect(isSettled(Date.now() + 60_000)).toBe(false);
    expect(isSettled(Number.NaN)).toBe(false);
  });
});

describe("a table of answers", () => {
  const key = "a key";
  const some = Array.from({ length: 2000 }, (_, at) => ({ name: `name ${at}`, answer: Buffer.alloc(1000, at) }));

  const place = async () => ({ path: join(await folder(), "kept"), key, mostBytes: 1 << 30 });
  const saved = async (where: Awaited<ReturnType<typeof place>>, answers: Readonly<Record<string, unknown>>) => {
    const table = await loadTable(where);
    for (const [name, answer] of Object.entries(answers)) table.set(name, answer);
    await table.save();
    return (await stat(where.path)).size;
  };
  const answersIn = async (where: Awaited<ReturnType<typeof place>>, names: readonly string[]) => {
    const table = await loadTable(where);
    return names.map((name) => table.get(name));
  };

  it("gives back every answer, the newest of a name, and adds what is new until more is outdated than not", async () => {
    const where = await place();
    const first = await saved(where, Object.fromEntries(some.map(({ name, answer }) => [name, answer])));
    const lengths: number[] = [];
    for (let time = 0; time < 6; time++) {
      const again = await loadTable(where);
      expect(some.every(({ name, answer }) => answer.equals(again.get(name) as Uint8Array))).toBe(true);
      for (const { name, answer } of some.slice(0, 800)) again.set(name, answer);
      await again.save();
      lengths.push((await stat(where.path)).size);
    }
    expect(lengths[0]).toBeGreaterThan(1.3 * first);
    expect(Math.max(...lengths)).toBeLessThan(2.1 * first);
    // Written anew twice.
    expect(lengths.filter((length) => length < 1.01 * first)).toHaveLength(2);
    expect(await answersIn({ ...where, key: "another" }, ["name 7"])).toEqual([undefined]);
  });

  it("loses no more than what a crash cuts, wherever it does, and is whole again when it is saved", async () => {
    const where = await place();
    const before = await saved(where, { one: "first" });
    const whole = await saved(where, { two: "second" });
    const bytes = await readFile(where.path);
    for (let end = before; end < whole; end++) {
      await writeFile(where.path, bytes.subarray(0, end));
      expect(await answersIn(where, ["one", "two"])).toEqual(["first", undefined]);
    }
    await saved(where, { three: "third" });
    expect(await answersIn(where, ["one", "two", "three"])).toEqual(["first", undefined, "third"]);
    await saved(where, { two: "second" });
    expect(await answersIn(where, ["one", "two", "three"])).toEqual(["first", "second", "third"]);
  });

  it("takes nothing from a piece that was altered, and all from the others", async () => {
    const where = await place();
    const ends = [0, await saved(where, { one: "first" }), await saved(where, { two: "second" })];
    await saved(where, { three: "third" });
    const bytes = await readFile(where.path);
    for (let at = (ends[1] ?? 0) + 4; at < (ends[2] ?? 0); at++) {
      await writeFile(
        where.path,
        bytes.map((byte, place) => (place === at ? byte ^ 1 : byte)),
      );
      expect(await answersIn(where, ["one", "two", "three"])).toEqual(["first", undefined, "third"]);
    }
    await saved(where, { four: "fourth" });
    expect(await answersIn(where, ["one", "two", "three", "four"])).toEqual(["first", undefined, "third", "fourth"]);
  });

  it("takes no time for the zeros that a crash may leave, and is whole again when it is saved", async () => {
    const where = await place();
    await saved(where, { one: "first" });
    await appendFile(where.path, Buffer.alloc(32 << 20));
    const before = cpuMs();
    expect(await answersIn(where, ["one"])).toEqual(["first"]);
    expect(cpuMs() - before).toBeLessThan(1000);
    expect(await saved(where, { two: "second" })).toBeLessThan(1000);
    expect(await answersIn(where, ["one", "two"])).toEqual(["first", "second"]);
  });

  it("keeps what several add at once", async () => {
    const where = await place();
    await saved(where, { one: "first" });
    const tables = await Promise.all(Array.from({ length: 5 }, () => loadTable(where)));
    for (const [at, table] of tables.entries()) table.set(`by ${at}`, Buffer.alloc(100_000, at));
    await Promise.all(tables.map((table) => table.save()));
    const found = await answersIn(where, ["one", ...tables.map((_, at) => `by ${at}`)]);
    expect(found).toEqual(["first", ...tables.map((_, at) => Buffer.alloc(100_000, at))]);
  });

  it("keeps what was asked for last where there is no room for all", async () => {
    const where = { ...(await place()), mostBytes: 1_500_000 };
    const first = await loadTable({ ...where, mostBytes: 1 << 30 });
    for (const { name, answer } of some.slice(0, 1400)) first.set(name, answer);
    await first.save();
    const second = await loadTable(where);
    for (const { name } of some.slice(0, 300)) second.get(name);
    for (const { name, answer } of some.slice(1400, 1600)) second.set(name, answer);
    await second.save();
    expect((await stat(where.path)).size).toBeLessThanOrEqual(where.mostBytes);
    const third = await loadTable(where);
    const gone = some.slice(0, 1600).filter(({ name }) => third.get(name) === undefined);
    expect(gone.map(({ name }) => name)).toEqual(some.slice(300, 300 + gone.length).map(({ name }) => name));
    expect(gone.length).toBeGreaterThan(100);
  });

  it("deflates what comes beyond what may be held as it is", async () => {
    const where = await place();
    const table = await loadTable(where);
    const large = randomBytes(64 << 20);
    table.set("large", large);
    const alike = Array.from({ length: 200_000 }, () => "the same name");
    table.set("alike", alike);
    expect(table.get("alike")).toEqual(alike);
    await table.save();
    expect((await stat(where.path)).size - large.length).toBeLessThan(200_000);
    const again = await loadTable(where);
    expect(large.equals(again.get("large") as Buffer)).toBe(true);
    expect(again.get("alike")).toEqual(alike);
  });
});
