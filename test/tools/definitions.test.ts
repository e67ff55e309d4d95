import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { listed } from "../../server/mcp/listing.ts";
import { tools } from "../../tools/index.ts";

const folder = resolve(import.meta.dirname, "../definitions");
const shown = tools.map((tool) => [tool.name, `${JSON.stringify(listed(tool, true), undefined, 2)}\n`] as const);

/** With UPDATE_DEFINITIONS=1 the files are written anew, so that a change of what clients see is reviewed as one. */
describe("what clients see of a tool", () => {
  it.each(shown)("%s is as its definition says", async (name, text) => {
    const path = join(folder, `${name}.json`);
    if (process.env.UPDATE_DEFINITIONS === "1") {
      await mkdir(folder, { recursive: true });
      await writeFile(path, text);
    }
    expect(await readFile(path, "utf8")).toBe(text);
  });

  it("is defined for these tools alone", async () => {
    expect((await readdir(folder)).sort()).toEqual(shown.map(([name]) => `${name}.json`).sort());
  });
});
