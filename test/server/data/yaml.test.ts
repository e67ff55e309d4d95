import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { EngineFailure } from "../../../engine/failure.ts";
import { composeSpec } from "../../../engine/spec/load-spec.ts";
import { specText } from "../../../engine/workspace/spec.ts";
import { readSpec } from "../../../server/data/spec.ts";
import { yamlData, yamlDocument, yamlLimits } from "../../../server/data/yaml.ts";
import { readFlowFile } from "../../../server/osmo/flow-files.ts";
import { flows } from "../../../server/osmo/flow-table.ts";
import { chooseImages } from "../../../server/platforms/docker/images.ts";
import { flatSpec } from "../../../server/report/spec-changes.ts";
import { parseSpecDocument } from "../../../server/stages/shared/spec-document.ts";
import { cpuMs } from "../../support/cpu.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();
const slowMs = 5000;
const heapBytes = 300e6;

const many = (count: number, part: (at: number) => string, between = "\n") =>
  Array.from({ length: count }, (_, at) => part(at)).join(between);
const laughs = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${many(30, (at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(9)}]`)}\n`;

/** Texts that a reader which parses first and looks later hangs on, runs out of memory over, or dies of. */
const bombs: readonly (readonly [name: string, text: string])[] = [
  ["100,000 open lists", "[".repeat(100_000)],
  ["100,000 nested lists", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
  ["100,000 open maps", "{".repeat(100_000)],
  ["100,000 nested maps", `${"{a: ".repeat(100_000)}${"}".repeat(100_000)}`],
  ["100,000 dashes", "- ".repeat(100_000)],
  ["1,300 levels of indent", many(1300, (at) => `${" ".repeat(at)}a:`)],
  ["100,000 question marks", "? ".repeat(100_000)],
  ["aliases that multiply", laughs],
  ["one alias, 3,000 times", `a: &a [1]\nb: [${"*a,".repeat(3000)}]\n`],
  ["a chain of aliases", `a0: &a0 [1]\n${many(1200, (at) => `a${at + 1}: &a${at + 1} [*a${at}]`)}\n`],
  ["an alias inside its anchor", "a: &a [*a]\n"],
  ["100,000 keys", many(100_000, (at) => `k${at}: 1`)],
  ["100,000 keys in one flow", `{${many(100_000, (at) => `k${at}: 1`, ",")}}`],
  ["one key 100,000 times", "k: 1\n".repeat(100_000)],
  ["300,000 anchors", "&a ".repeat(300_000)],
  ["500,000 values", `[${"1,".repeat(500_000)}]`],
  ["250,000 documents", "---\n".repeat(250_000)],
  ["a key of 1 MB", `${"k".repeat(1_000_000)}: 1\n`],
  ["2 MB", "# x\n".repeat(500_000)],
];

/** Every reader of YAML, each given the text as the file that it reads. */
const readers: readonly (readonly [name: string, read: (text: string) => Promise<unknown>])[] = [
  ["a train spec", async (text) => await readSpec(await written("spec.yaml", text))],
  ["a spec to derive from", async (text) => parseSpecDocument(text, "spec.yaml").toJS()],
  ["a flow file", async (text) => await flowFile(text)],
  [
    "image versions",
    async (text) => await chooseImages({ TAO_SKILL_BANK_PATH: dirname(await written("versions.yaml", text)) }),
  ],
  ["the engine's spec", async (text) => composeSpec(await written("spec.yaml", text), [], {})],
];

async function written(name: string, text: string): Promise<string> {
  const path = join(await folder(), name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

async function flowFile(text: string) {
  const flow = flows.finetune;
  const path = await written(flow.yaml, `default-values:\n${text.replace(/^/gm, "  ")}\n`);
  return await readFlowFile(path.slice(0, -flow.yaml.length), flow);
}

describe("YAML bombs", () => {
  describe.each(readers)("as %s", (name, read) => {
    it.each(bombs)("%s end in a refusal, soon and in little memory", async (_, text) => {
      const began = cpuMs();
      const before = process.memoryUsage().heapUsed;
      const refused = await read(text).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(cpuMs() - began).toBeLessThan(slowMs);
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(heapBytes);
      if (name === "the engine's spec") expect(refused).toBeInstanceOf(EngineFailure);
      else expect(refused).toMatchObject({ code: "input.bad-yaml" });
    });
  });

  it.each(bombs)("%s leave a report without the spec's changes", async (_, text) => {
    expect(await flatSpec(await written("spec.yaml", text))).toBeUndefined();
  });
});

describe("YAML with odd parts", () => {
  it("reaches nothing through a key named like an object's machinery", async () => {
    const text =
      "__proto__: {polluted: 1}\na: &a {__proto__: {polluted: 2}}\nb: {<<: *a}\nconstructor: {prototype: {polluted: 3}}\n";
    const data = yamlDocument(text, "x", { merge: true }).toJS() as Record<string, unknown>;
    expect(data.polluted).toBeUndefined();
    composeSpec(await written("spec.yaml", text), ["+constructor.prototype.polluted=4"], {});
    expect(() => composeSpec("none.yaml", ["__proto__.polluted=5"], {})).toThrow(EngineFailure);
    const path = await written("spec.yaml", "a: 1\n");
    expect(() => composeSpec(path, ["__proto__.polluted=5"], {})).toThrow("Error parsing override");
    expect(() => composeSpec(path, ["+a.__proto__.polluted=5"], {})).toThrow("Error parsing override");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("runs nothing for a tag that it does not know", () => {
    const text = "a: !!js/function 'process.exit()'\nb: !!python/object/apply:os.system ['true']\n";
    expect(yamlData(text, "x")).toEqual({ a: "process.exit()", b: ["true"] });
  });

  it("refuses a key given twice, and names the line of what nests too deep", async () => {
    expect((await refusalOf(async () => yamlData("a: 1\na: 2\n", "x"))).code).toBe("input.bad-yaml");
    const deep = await refusalOf(async () => yamlData(`a: 1\nb: ${"[".repeat(200)}`, "x"));
    expect(deep.facts).toEqual({ path: "x", line: 2, detail: `nests deeper than ${yamlLimits.depth}` });
  });

  it("has room for every spec of the loop, ten times over", () => {
    expect(() =>
      yamlData(
        many(10, (at) => `s${at}:\n${specText("x").replace(/^/gm, "  ")}`),
        "x",
      ),
    ).not.toThrow();
  });
});
