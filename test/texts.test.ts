import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { refusals } from "../server/errors.ts";
import { version } from "../server/run/version.ts";
import { tools } from "../tools/index.ts";

const root = resolve(import.meta.dirname, "..");
const read = (name: string) => readFile(join(root, name), "utf8");
const json = async (name: string) => JSON.parse(await read(name));

async function filesBelow(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(join(root, folder), { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}

const texts = (await Promise.all(["skills", "agents", "references"].map((folder) => filesBelow(folder, ".md")))).flat();
const toolNames = tools.map(({ name }) => name);
const areas = new Set(Object.keys(refusals).map((code) => code.split(".")[0]));
let words: Set<string>;

beforeAll(async () => {
  const sources = (await Promise.all(["server", "tools", "engine"].map((folder) => filesBelow(folder, "")))).flat();
  const code = await Promise.all(sources.filter((name) => /\.(ts|ya?ml|py|ejs)$/.test(name)).map(read));
  words = new Set(code.join("\n").match(/[A-Za-z0-9_]+/g));
});

function ticked(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, inner]) => inner ?? "");
}

describe("what an agent reads", () => {
  it.each(texts)("%s names only what the code has", async (name) => {
    const spoken = ticked(await read(name));
    const codes = spoken.filter((text) => /^[a-z]+\.[a-z]+(-[a-z]+)*$/.test(text) && areas.has(text.split(".")[0]));
    expect(codes.filter((code) => !(code in refusals))).toEqual([]);
    // Tools, arguments, knobs, stages, state fields and variables are all spelled with an underscore.
    const names = spoken.filter((text) => /^[A-Za-z]+(_[A-Za-z0-9]+)+$/.test(text));
    expect(names.filter((one) => !words.has(one))).toEqual([]);
  });

  it.each(texts.filter((name) => name.startsWith("skills/")))(
    "%s is short, and calls tools that exist",
    async (name) => {
      const text = await read(name);
      expect(text.split("\n").length).toBeLessThan(120);
      expect(text).toMatch(/^---\nname: [a-z-]+\ndescription: /);
      const called = [...text.matchAll(/[Cc]all `([a-z_]+)`/g)].map(([, tool]) => tool ?? "");
      expect(called.length).toBeGreaterThan(2);
      expect(called.filter((tool) => !toolNames.includes(tool))).toEqual([]);
      // Nothing that goes around the server.
      expect(/^allowed-tools: .*$/m.exec(text)?.[0]).not.toMatch(/Bash|Write|Edit/);
    },
  );

  it("the reporter may use only tools that exist", async () => {
    const [, list = ""] = /^tools: (.*)$/m.exec(await read("agents/reporter.md")) ?? [];
    const named = list.split(", ").map((name) => name.replace(/^mcp__(plugin_deft_)?deft__/, ""));
    expect(named.filter((name) => !toolNames.includes(name))).toEqual([]);
  });
});

describe("manifests", () => {
  it("start the same server, apart from where it lies", async () => {
    const { mcpServers } = await json(".claude-plugin/plugin.json");
    const text = JSON.stringify(mcpServers).replaceAll(/\$\{CLAUDE_PLUGIN_ROOT\}\//g, "");
    expect(JSON.parse(text)).toEqual((await json("mcp.json")).mcpServers);
  });

  it("agree on the version and the name", async () => {
    const [own, plugin, market, server] = await Promise.all(
      ["package.json", ".claude-plugin/plugin.json", ".claude-plugin/marketplace.json", "server.json"].map(json),
    );
    const versions = [own, plugin, market.metadata, ...market.plugins, server, ...server.packages];
    expect(versions.map((one: { version: string }) => one.version)).toEqual(versions.map(() => version));
    expect([server.name, server.packages[0].identifier]).toEqual([own.mcpName, own.name]);
    expect(market.plugins[0].name).toBe(plugin.name);
  });
});
