import { mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { containedPath, isInside, realPathOf, realPathSync } from "../../../server/fs/contained.ts";
import { folderOfFile } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = folderOfFile();
let home: string;
let root: string;

beforeAll(async () => {
  home = await realpath(folder.path);
  root = join(home, "boards");
  await mkdir(join(root, "kpi"), { recursive: true });
  await mkdir(join(home, "outside"));
  await writeFile(join(root, "kpi", "a.csv"), "");
  await writeFile(join(home, "outside", "b.csv"), "");
  await symlink("kpi", join(root, "inner"));
  await symlink("../outside", join(root, "outer"));
  await symlink(join(home, "outside", "none"), join(root, "dangling"));
  await symlink("none", join(root, "kpi", "dangling-inside"));
  await symlink("../../outside/none", join(root, "kpi", "climbing"));
  await symlink("loop-b", join(root, "loop-a"));
  await symlink("loop-a", join(root, "loop-b"));
});

describe("by spelling alone", () => {
  it.each([
    ["/a", "/a", true],
    ["/a", "/a/b", true],
    ["/a", "/a/..b", true],
    ["/a", "/a/b/../c", true],
    ["/", "/a", true],
    ["/a/", "/a/b", true],
    ["/a", "/ab", false],
    ["/a", "/a/../b", false],
    ["/a", "/a/b/../../c", false],
    ["/a/b", "/a", false],
  ])("%s holds %s: %s", (within, path, expected) => {
    expect(isInside(within, path)).toBe(expected);
  });
});

describe("a path is inside the workspace", () => {
  it.each([
    ["kpi/a.csv", "kpi/a.csv"],
    ["kpi/../kpi//a.csv", "kpi/a.csv"],
    ["inner/a.csv", "kpi/a.csv"],
    ["not/yet/there.csv", "not/yet/there.csv"],
    ["inner/new.csv", "kpi/new.csv"],
    ["inner/dangling-inside", "kpi/none"],
    [".", "."],
    ["..a/b", "..a/b"],
  ])("%s, as %s", async (given, real) => {
    expect(await containedPath([root], join(root, given), "it")).toBe(join(root, real));
  });
});

describe("a path is outside the workspace", () => {
  it.each([
    ["../boards-twin/a.csv"],
    ["../outside/b.csv"],
    ["outer/b.csv"],
    ["outer/new.csv"],
    ["outer"],
    ["dangling"],
    ["inner/climbing"],
    ["dangling/deeper"],
    ["loop-a"],
    ["a\0b"],
    ["n".repeat(300)],
  ])("%j", async (given) => {
    const refusal = await refusalOf(() => containedPath([root], `${root}/${given}`, "it"));
    expect(refusal.code).toBe("gate.path-outside-workspace");
  });
});

describe("the real path for callers that cannot wait", () => {
  it.each([["kpi/a.csv"], ["inner/x"], ["outer/x"], ["dangling"], ["inner/climbing"], ["not/yet"]])(
    "%s is the same",
    async (given) => {
      expect(realPathSync(join(root, given))).toBe(await realPathOf(join(root, given)));
    },
  );

  it("a loop of links has none", () => {
    expect(realPathSync(join(root, "loop-a"))).toBeUndefined();
  });
});
