import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import ts from "typescript";
import { refusals } from "../server/errors.ts";
import { expectedTexts } from "./support/expectations.ts";

/** Suites that need a daemon, a browser or hours: a code that only they provoke could rot unseen in `npm test`. */
const special = /^(browser|clients|docker|interop|slurm|soak)\//;
const codes = Object.keys(refusals);

async function sourcesBelow(root: string, keep: (name: string) => boolean): Promise<string[]> {
  const names = (await readdir(root, { recursive: true })).filter((name) => name.endsWith(".ts") && keep(name));
  return await Promise.all(names.map((name) => readFile(join(root, name), "utf8")));
}

/** Every string literal of a program, comments left out. */
function literalsOf(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest));
  return found;
}

const names = (texts: Iterable<string>): Set<string> =>
  new Set([...texts].flatMap((text) => text.replaceAll("\\.", ".").match(/[a-z]+\.[a-z0-9-]+/g) ?? []));

describe("every refusal code", () => {
  it("is expected by a test that runs with `npm test`", async () => {
    const texts = await sourcesBelow("test", (name) => !special.test(name) && name !== "refusals.test.ts");
    const expected = names(texts.flatMap((text) => [...expectedTexts(text)]));
    expect(expected.size).toBeGreaterThan(100);
    expect(codes.filter((code) => !expected.has(code))).toEqual([]);
  });

  it("is used by the program, and none is dead", async () => {
    const roots = ["server", "tools", "engine"];
    const texts = await Promise.all(roots.map((root) => sourcesBelow(root, (name) => name !== "errors.ts")));
    const used = new Set(texts.flat().flatMap(literalsOf));
    expect(codes.filter((code) => !used.has(code))).toEqual([]);
  });
});

describe("what counts as expected", () => {
  it.each([
    ["a matcher", 'expect((await refusalOf(work)).code).toBe("state.x");'],
    ["a matcher of several", 'expect(answer).toEqual({ code: "state.x", facts: {} });'],
    ["a pattern", "expect(text).toMatch(/^state\\.x: /);"],
    ["a row of a table", 'it.each([["a", () => spoil(), "state.x"]])("%s", (_, spoil, code) => {});'],
    ["a table with a name", 'const table = [["a", "state.x"]]; it.each(table)("%s", () => {});'],
    ["a name for a code", 'const seen = "state.x"; expect(code).toBe(seen);'],
    ["a trick", 'trick("a name", "created", "state.x", async () => "");'],
  ])("%s", (_what, text) => {
    expect(names(expectedTexts(text))).toContain("state.x");
  });

  it.each([
    ["a fixture", 'const run = aRun({ hard_stop: { code: "state.x" } });'],
    ["a denied matcher", 'expect(code).not.toBe("state.x");'],
    ["a comment", '// expect(code).toBe("state.x")'],
    ["the subject of a matcher", 'expect(refusals["state.x"].hardStop).toBe(true);'],
    ["the title of a test", 'it("refuses with state.x", () => {});'],
    ["the name of a trick", 'trick("state.x", "created", "other.y", async () => "state.x");'],
  ])("not %s", (_what, text) => {
    expect(names(expectedTexts(text))).not.toContain("state.x");
  });
});
