import { readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "@jest/globals";

const dist = resolve(import.meta.dirname, "../dist");

/** A built file and every one that is loaded with it. */
async function loadedWith(path: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const text = await readFile(path, "utf8");
  for (const [, next = ""] of text.matchAll(/\b(?:from|import)"(\.[^"]+\.js)"/g)) {
    await loadedWith(resolve(dirname(path), next), seen);
  }
  return seen;
}

/** The built file that begins with this name. */
async function chunk(name: string): Promise<string> {
  const pattern = new RegExp(`^${name}-[A-Z0-9]{8}.js$`);
  const found = (await readdir(join(dist, "chunks"))).filter((one) => pattern.test(one));
  expect([name, found.length]).toEqual([name, 1]);
  return join(dist, "chunks", String(found[0]));
}

it.each(["server", "connection"])("the start of a server opens few files, and no tool: %s", async (era) => {
  const files = new Set<string>();
  for (const path of [join(dist, "deft-mcp.js"), await chunk("serve"), await chunk(era)]) await loadedWith(path, files);
  expect(files.size).toBeLessThanOrEqual(8);
  const texts = await Promise.all([...files].map((path) => readFile(path, "utf8")));
  expect(texts.filter((text) => text.includes("one question. With `run`: revise a live run"))).toEqual([]);
});
