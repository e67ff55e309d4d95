import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { tools } from "../../tools/index.ts";
import { folderOfFile } from "../support/folder.ts";
import { type Ended, runToEnd, sbomErrors } from "./official.ts";

const folder = folderOfFile();
const root = resolve(import.meta.dirname, "../..");
let packed: { name: string; files: { path: string }[] };
let installed: string;
let tarball: string;

const env = () => ({ ...process.env, XDG_STATE_HOME: join(folder.path, "state") });
const npm = (args: string[], cwd: string) => runToEnd("npm", [...args, "--json", "--ignore-scripts"], cwd, env());
const bin = (...argv: string[]): Promise<Ended> =>
  runToEnd(join(folder.path, "node_modules/.bin/deft-mcp"), argv, folder.path, env());

/**
 * Installed packages whose code the source maps of the build know of. What a package was itself bundled from is named in
 * its own map, lies in no folder here and comes under that package's licence.
 */
async function bundledNames(): Promise<Set<string>> {
  const files = await readdir(join(root, "dist"), { recursive: true });
  const maps = files.filter((name) => name.endsWith(".map")).map((name) => readFile(join(root, "dist", name), "utf8"));
  const sources = (await Promise.all(maps)).flatMap((map): string[] => JSON.parse(map).sources);
  const names = sources.flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? []);
  return new Set(names.filter((name) => existsSync(join(root, "node_modules", name, "package.json"))));
}

beforeAll(async () => {
  const { stdout } = await npm(["pack", "--pack-destination", folder.path], root);
  [packed] = JSON.parse(stdout);
  await writeFile(join(folder.path, "package.json"), "{}");
  // Offline: the tarball needs nothing from a registry.
  tarball = JSON.parse(stdout)[0].filename;
  const { exit, stderr } = await npm(["install", `./${tarball}`, "--offline", "--no-audit", "--no-fund"], folder.path);
  if (exit !== 0) throw new Error(stderr);
  installed = join(folder.path, "node_modules", "deft-mcp");
});

describe("the package", () => {
  it("holds the program and what an agent reads, and no source, map or test", () => {
    const paths = packed.files.map(({ path }) => path);
    const built = ["deft-mcp.js", "versions.yaml", "shipped.json", "THIRD-PARTY-NOTICES.txt"];
    for (const needed of [...built.map((name) => `dist/${name}`), "mcp.json", "LICENSE"]) {
      expect(paths).toContain(needed);
    }
    const homes =
      /^(dist|skills|agents|references|assets|\.claude-plugin)\/|^(mcp|server|package)\.json$|^(README\.md|LICENSE)$/;
    expect(paths.filter((path) => !homes.test(path) || /\.(map|ts)$/.test(path))).toEqual([]);
  });

  it("names every package whose code it holds, with its licence", async () => {
    const bundled = await bundledNames();
    expect(bundled.size).toBeGreaterThan(20);
    const notices = await readFile(join(installed, "dist/THIRD-PARTY-NOTICES.txt"), "utf8");
    expect([...bundled].filter((name) => !notices.includes(`\n${name} `) && !notices.startsWith(`${name} `))).toEqual(
      [],
    );
    expect(notices).toContain("Permission is hereby granted");
  });

  it("holds a bill of materials that names the same packages, by their bytes", async () => {
    const text = await readFile(join(installed, "dist/sbom.cdx.json"), "utf8");
    expect(await sbomErrors(text)).toBeNull();
    const { components } = JSON.parse(text) as { components: { name: string; hashes: object[] }[] };
    expect([...new Set(components.map(({ name }) => name))].sort()).toEqual([...(await bundledNames())].sort());
    expect(components.filter(({ hashes }) => hashes.length !== 1).map(({ name }) => name)).toEqual([]);
  });

  it("refers to no source map, since it brings none", async () => {
    const names = (await readdir(join(installed, "dist"), { recursive: true })).filter((name) => name.endsWith(".js"));
    const texts = await Promise.all(names.map((name) => readFile(join(installed, "dist", name), "utf8")));
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((_, index) => texts[index]?.includes("sourceMappingURL="))).toEqual([]);
  });

  it("is run by npx in an empty folder", async () => {
    const empty = join(folder.path, "empty");
    await mkdir(empty);
    const args = ["-y", "--offline", "-p", join(folder.path, tarball), "deft-mcp", "call", "--json"];
    const { exit, stdout } = await runToEnd("npx", args, empty, env());
    expect([exit, JSON.parse(stdout).tools.length]).toEqual([0, tools.length]);
  });

  it("brings nothing else with it", async () => {
    const { packages } = JSON.parse(await readFile(join(folder.path, "package-lock.json"), "utf8"));
    expect(Object.keys(packages)).toEqual(["", "node_modules/deft-mcp"]);
  });

  it("runs a whole loop where it was installed", async () => {
    const { exit, stdout } = await bin("demo", "--max-iterations", "1", "--json");
    expect([exit, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ status: "complete", platform: "embedded" }),
    ]);
  });

  it.each([["serve"], ["doctor", "--workspace", "."]])("refuses to %s when a file of it is gone", async (...argv) => {
    const page = join(installed, "references", "gates.md");
    await rename(page, `${page}.away`);
    const { exit, stderr } = await bin(...argv);
    await rename(`${page}.away`, page);
    expect([exit, stderr]).toEqual([2, expect.stringMatching(/install\.incomplete: [\s\S]*gates\.md[\s\S]*Reinstall/)]);
  });
});
