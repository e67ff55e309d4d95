import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { builtBin } from "../support/built-server.ts";
import { noteFigures } from "../support/figures.ts";
import { folderOfFile } from "../support/folder.ts";
import { claude, packaged } from "./official.ts";

const folder = folderOfFile();
const root = resolve(import.meta.dirname, "../..");

describe("Claude Code", () => {
  it.each([".", ".claude-plugin/plugin.json"])(
    "finds %s valid, strictly",
    async (path) => {
      const { exit, stdout } = await claude(["plugin", "validate", "--strict", resolve(root, path)], folder.path);
      expect([exit, stdout]).toEqual([0, expect.stringContaining("Validation passed")]);
      for (const part of ["mcpServers: deft", "deft:deft-aoi", "deft:defect-image-generation", "deft:reporter"]) {
        expect(stdout).toContain(part);
      }
    },
    60_000,
  );

  it("installs the plugin from a clone: built files alone, and its server connects", async () => {
    await packaged();
    expect((await claude(["plugin", "marketplace", "add", root], folder.path)).exit).toBe(0);
    const began = performance.now();
    const { exit, stderr } = await claude(["plugin", "install", "deft@deft-mcp"], folder.path);
    const seconds = (performance.now() - began) / 1000;
    expect([exit, stderr]).toEqual([0, ""]);
    const cache = join(folder.path, ".claude/plugins/cache");
    const files = (await readdir(cache, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const bytes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
    const total = bytes.reduce((sum, size) => sum + size, 0);
    noteFigures("plugin", { seconds, bytes: total });
    expect(files.filter(({ name }) => /\.(map|ts)$/.test(name))).toEqual([]);
    expect(total).toBeLessThan(10_000_000);
    const { stdout } = await claude(["mcp", "list"], folder.path);
    expect(stdout).toMatch(/^plugin:deft:deft: .*Connected/m);
  });

  it("connects to the built server", async () => {
    expect((await claude(["mcp", "add", "deft", "--", process.execPath, builtBin, "serve"], folder.path)).exit).toBe(0);
    // It exits 0 for a server that fails, too.
    const { stdout } = await claude(["mcp", "list"], folder.path);
    expect(stdout).toMatch(/^deft: .*Connected/m);
  });
});
