import { appendFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { readTextIfPresent } from "../../../server/fs/read.ts";
import { readingOnce } from "../../../server/journal/seen.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();
const count = 100;
let folder: string;
let env: { XDG_CACHE_HOME: string };
let keys: string[];
let read: string[];

beforeEach(async () => {
  folder = await newFolder();
  env = { XDG_CACHE_HOME: join(folder, "cache") };
  keys = Array.from({ length: count }, (_, at) => join(folder, `${at}.txt`));
  for (const key of keys) await writeFile(key, `text of ${key}`);
  read = [];
});

/** A reader as a process has it that begins now. */
const reader = () =>
  readingOnce({
    name: "texts-1",
    shape: z.string(),
    filesOf: (key) => [key],
    read: async (key) => {
      read.push(key);
      return await readTextIfPresent(key);
    },
  });

/** What the calls read since this was asked last. */
const readNow = () => read.splice(0).length;
const textsNow = () => Promise.all(keys.map((key) => readTextIfPresent(key)));

describe("files that were read before", () => {
  it("are not read again while nobody touched them, neither in this process nor in the next", async () => {
    const first = reader();
    expect(await first(keys, env)).toEqual(await textsNow());
    expect(readNow()).toBe(count);
    expect(await first(keys, env)).toEqual(await textsNow());
    expect(await reader()(keys, env)).toEqual(await textsNow());
    expect(readNow()).toBe(0);
  });

  it.each([
    ["grew", (path: string) => appendFile(path, "!"), 1],
    ["was exchanged for one of the same length", (path: string) => writeFile(path, "x".repeat(path.length + 8)), 1],
    ["is gone", (path: string) => rm(path), 1],
  ])("a file that %s is seen, in this process and in the next", async (_what, change, again) => {
    const first = reader();
    await first(keys, env);
    readNow();
    await change(keys[7] ?? "");
    expect(await first(keys, env)).toEqual(await textsNow());
    expect(readNow()).toBe(again);
    expect(await reader()(keys, env)).toEqual(await textsNow());
    expect(readNow()).toBe(again);
  });

  it("a file that came is seen, and one that came back", async () => {
    const first = reader();
    await rm(keys[3] ?? "");
    await first(keys, env);
    await writeFile(keys[3] ?? "", "back");
    keys.push(join(folder, "new.txt"));
    await writeFile(keys.at(-1) ?? "", "new");
    readNow();
    expect(await first(keys, env)).toEqual(await textsNow());
    expect(readNow()).toBe(2);
  });

  it.each([
    ["is no JSON", "{"],
    ["has another shape", '[["/a",["stamp",1]]]'],
  ])("everything is read where what was kept %s", async (_what, text) => {
    await reader()(keys, env);
    await writeFile(join(folder, "cache", "deft-mcp", "texts-1.json"), text);
    readNow();
    expect(await reader()(keys, env)).toEqual(await textsNow());
    expect(readNow()).toBe(count);
  });

  it("are kept for the next process only where they are many, and where it is told where", async () => {
    await reader()(keys.slice(0, 10), env);
    await reader()(keys);
    expect(await readdir(folder)).not.toContain("cache");
    await reader()(keys, env);
    expect(JSON.parse(await readFile(join(folder, "cache", "deft-mcp", "texts-1.json"), "utf8"))).toHaveLength(count);
  });

  it("are read all the same where nothing can be kept", async () => {
    await writeFile(join(folder, "cache"), "a file");
    expect(await reader()(keys, env)).toEqual(await textsNow());
  });
});
