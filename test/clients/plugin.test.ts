import { resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { builtBin } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";
import { claude } from "./official.ts";

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

  it("connects to the built server", async () => {
    expect((await claude(["mcp", "add", "deft", "--", process.execPath, builtBin, "serve"], folder.path)).exit).toBe(0);
    // It exits 0 for a server that fails, too.
    const { stdout } = await claude(["mcp", "list"], folder.path);
    expect(stdout).toMatch(/^deft: .*Connected/m);
  }, 60_000);
});
