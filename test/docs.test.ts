import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { tools } from "../tools/index.ts";

const root = resolve(import.meta.dirname, "..");
const read = (name: string) => readFile(join(root, name), "utf8");

/** Folders whose mention in back-ticks is a path of this repository; anything else is a path of a workspace or run. */
const folders = /^(server|tools|engine|test|scripts|references|skills|agents|bench|\.ci|\.claude-plugin)\//;
const files = /^(AGENTS\.md|README\.md|LICENSE|mcp\.json|package\.json|biome\.json|jest\.config\.mjs|tsconfig\.json)$/;

function ticked(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, inner]) => inner ?? "");
}

/** Keys of the command table; the bin runs when it is imported, so its text is read. */
async function commands(): Promise<string[]> {
  const source = await read("server/main.ts");
  return [...source.matchAll(/^ {2}"?([a-z-]+)"?: \(\) => import\(/gm)].map(([, name]) => name ?? "");
}

async function sources(): Promise<string[]> {
  const found = await Promise.all(
    ["server", "tools", "engine"].map(async (folder) => {
      const names = await readdir(join(root, folder), { recursive: true });
      return names.filter((name) => name.endsWith(".ts")).map((name) => join(folder, name));
    }),
  );
  return await Promise.all(found.flat().map(read));
}

describe("documents", () => {
  it.each(["README.md", "AGENTS.md"])("%s names only paths that exist", async (name) => {
    const paths = ticked(await read(name)).filter((text) => folders.test(text) || files.test(text));
    const fixed = paths.filter((path) => !/[<*]/.test(path));
    expect(fixed.length).toBeGreaterThan(2);
    expect(fixed.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it("the README's tool table says what the tools say of themselves", async () => {
    const rows = tools.map(({ name, description }) => `| \`${name}\` | ${description.split(/(?<=\.) /)[0]} |`);
    const table = ["| tool | what it does |", "|---|---|", ...rows].join("\n");
    expect(await read("README.md")).toContain(`test/docs.test.ts -->\n\n${table}\n\n<!-- /tools -->`);
  });

  it("every command that a document starts exists, and help lists every command for people", async () => {
    const known = await commands();
    expect(known).toContain("serve");
    const texts = await Promise.all(["README.md", "AGENTS.md"].map(read));
    const started = texts.flatMap((text) => [...text.matchAll(/deft-mcp\.js ([a-z-]+)/g)].map(([, name]) => name));
    expect(started.filter((name) => !known.includes(name ?? ""))).toEqual([]);
    const help = await read("server/cli/help.ts");
    // What the server starts itself is for nobody else; `deft-mcp` alone serves.
    const internal = ["serve", "engine", "keep", "help"];
    expect(known.filter((name) => !internal.includes(name) && !help.includes(`deft-mcp ${name}`))).toEqual([]);
  });

  it("the README explains every variable that the server reads", async () => {
    const text = (await sources()).join("\n");
    const found = [...text.matchAll(/(?<!spec\.)\benv\.([A-Z][A-Z_]+)/g)].map(([, name]) => name ?? "");
    // HOME and PATH are everyone's; DEFT_ENGINE_* the executor hands to the engine that it starts.
    const ours = [...new Set(found)].filter((name) => !/^(HOME|PATH|DEFT_ENGINE_.*)$/.test(name));
    const rows = (await read("README.md")).split("\n").filter((line) => line.startsWith("| `"));
    const named = rows.flatMap((row) => ticked(row.split("|")[1] ?? ""));
    expect(ours.length).toBeGreaterThan(8);
    expect(ours.filter((name) => !named.includes(name))).toEqual([]);
  });
});
