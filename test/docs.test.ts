import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { type CommandName, commandsBelow, declarationOf, isCommand } from "../server/cli/declarations.ts";
import { usageOf } from "../server/cli/help-text.ts";
import { tools } from "../tools/index.ts";
import { clientRows, clientTable } from "./support/client-table.ts";

const root = resolve(import.meta.dirname, "..");
const read = (name: string) => readFile(join(root, name), "utf8");

/** Folders whose mention in back-ticks is a path of this repository; anything else is a path of a workspace or run. */
const folders = /^(server|tools|engine|test|scripts|references|skills|agents|bench|\.ci|\.claude-plugin)\//;
const files = /^(AGENTS\.md|README\.md|LICENSE|mcp\.json|package\.json|biome\.json|jest\.config\.mjs|tsconfig\.json)$/;

/** Run by the server, or by whoever wants one step of the engine; declared nowhere. */
const internal = ["engine", "keep"];

function ticked(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, inner]) => inner ?? "");
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

  it("the README's command table says what the commands say of themselves", async () => {
    const rows = commandsBelow().map(
      (name) => `| \`${usageOf(name).replaceAll("|", "\\|")}\` | ${declarationOf(name).summary} |`,
    );
    const table = ["| command | what it does |", "|---|---|", ...rows].join("\n");
    expect(await read("README.md")).toContain(`test/docs.test.ts -->\n\n${table}\n\n<!-- /commands -->`);
  });

  /** With UPDATE_CLIENTS=1 the table is written anew. */
  it.each(["README.md", "references/clients.md"])("%s shows the clients that are tried, as they are", async (name) => {
    const place = /(<!-- clients: .*? -->\n\n)[\s\S]*?(<!-- \/clients -->)/;
    const whole = (text: string) => text.replace(place, `$1${clientRows()}\n\n$2`);
    if (process.env.UPDATE_CLIENTS === "1") await writeFile(join(root, name), whole(await read(name)));
    expect(await read(name)).toMatch(place);
    expect(await read(name)).toBe(whole(await read(name)));
  });

  it("the versions of those clients are the ones that are installed to try them", async () => {
    const installed = await read(".ci/run");
    const missing = Object.values(clientTable).filter(({ version }) => !installed.includes(version));
    expect(missing).toEqual([]);
  });

  it.each(["README.md", "AGENTS.md", "references/clients.md", "references/replay.md"])(
    "every command that %s starts is declared, and so are its options",
    async (name) => {
      const lines = [...(await read(name)).matchAll(/deft-mcp(?:\.js)? ([a-z][a-z-]*(?:[ \t][^\n`#]*)?)/g)];
      for (const [, words = ""] of lines) {
        const [first = "", second = ""] = words.split(" ");
        const command = isCommand(`${first} ${second}`) ? `${first} ${second}` : first;
        if (internal.includes(first)) continue;
        expect([words, isCommand(command)]).toEqual([words, true]);
        const known = Object.keys(declarationOf(command as CommandName).options);
        const options = [...words.matchAll(/ --([a-z-]+)/g)].map(([, option]) => option ?? "");
        expect([words, options.filter((one) => ![...known, "help"].includes(one))]).toEqual([words, []]);
      }
    },
  );

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
