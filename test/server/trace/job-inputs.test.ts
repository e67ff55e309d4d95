import { cp, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { isScalar, parseDocument, visit } from "yaml";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { type Random, streamOf } from "../../../engine/workspace/random.ts";
import { run as replay } from "../../../server/cli/replay.ts";
import { inputMismatches } from "../../../server/trace/input-diff.ts";
import { readInputs } from "../../../server/trace/job-inputs.ts";
import { runCommand } from "../../support/command.ts";
import { editStored, editTrace, type Lines, linesIn } from "../../support/edited-trace.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";

const goodRun = resolve("test/traces/good-run");
const file = folderOfFile();
const newFolder = temporaryFolders();
let workspace: string;
let recorded: Lines;

beforeAll(async () => {
  workspace = join(file.path, "boards");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
  recorded = await linesIn(join(goodRun, "connection-1.jsonl"));
});

type Difference = { what: string; path: string; expected: unknown; actual: unknown };
type Replayed = { code: number; differences: Difference[]; error: { code: string; message: string } };

async function replayed(folder: string, ...options: string[]): Promise<Replayed> {
  const { code, stdout } = await runCommand(replay, [folder, "--workspace", workspace, "--json", ...options]);
  return { code, ...JSON.parse(stdout) };
}

const edited = async (edit: (lines: Lines) => Lines) => await editTrace(goodRun, await newFolder(), edit);

type Input = { path: string; sha256: string; stored: string };
const inputsIn = (lines: Lines): Input[] => lines.flatMap(({ kind, inputs }) => (kind === "job-start" ? inputs : []));
const inputNamed = (lines: Lines, name: string) => inputsIn(lines).find(({ path }) => path.endsWith(name)) as Input;

/** Changes a stored file through the lines that hold it. */
const changing = (name: string, change: (content: Lines[number]) => unknown) => (lines: Lines) =>
  editStored(lines, inputNamed(lines, name).stored, change);

/** Gives some values of a spec other ones, and says which and what. */
function spoil(text: string, count: number, random: Random): { text: string; keys: Map<string, unknown> } {
  const bare = (one: string) => one.replace(/\{([a-z]+(?:-\d+)?)\}/g, "<$1>");
  const document = parseDocument(bare(text));
  const places: { key: string; set(): unknown }[] = [];
  visit(document, {
    Scalar(at, node, ancestors) {
      if (at === "key") return;
      const key = ancestors
        .flatMap((one) => ("key" in one && isScalar(one.key) ? `.${one.key.value}` : []))
        .join("")
        .slice(1);
      places.push({
        key: typeof at === "number" ? `${key}[${at}]` : key,
        set: () => (node.value = otherThan(node.value)),
      });
    },
  });
  const chosen = Array.from({ length: Math.min(count, places.length) }, () =>
    places.splice(Math.floor(random() * places.length), 1),
  ).flat();
  const keys = new Map(chosen.map(({ key, set }) => [key, set()]));
  return { text: document.toString().replace(/<([a-z]+(?:-\d+)?)>/g, "{$1}"), keys };
}

function otherThan(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  return value === null ? "something" : `${String(value).replace(/<[a-z]+(?:-\d+)?>/g, "")}-other`;
}

describe("what the server wrote for a job", () => {
  it("is in the trace: each spec, the rows to train on, and what mining compares", () => {
    const named = inputsIn(recorded).map(({ path, stored }) => [basename(path), stored === undefined]);
    expect(Object.fromEntries(named)).toEqual({
      "baseline_spec.yaml": false,
      "inference_spec.yaml": false,
      "embedding_spec.yaml": false,
      "pool_inference_spec.yaml": false,
      "pool_rows.csv": false,
      "targets.parquet": false,
      "source_pool.parquet": false,
      "iter1_spec.yaml": false,
      "train_combined_iter1.csv": false,
    });
    const texts = recorded.filter(({ kind, encoding }) => kind === "file" && encoding === "text");
    expect(texts.filter(({ content }) => content.includes("[redacted]"))).toEqual([]);
  });

  it("is compared: of changed values of every spec, none is missed, and each is named by its key", async () => {
    const random = streamOf(12, "specs");
    const wanted: { what: string; path: string; expected: unknown }[] = [];
    const spoiled = new Set<string>();
    const folder = await edited((lines) => {
      for (const line of lines.filter(({ kind }) => kind === "job-start")) {
        for (const input of line.inputs.filter((one: Input) => one.path.endsWith(".yaml"))) {
          // Two jobs may read one spec.
          if (spoiled.has(input.stored)) continue;
          editStored(lines, input.stored, (content) => {
            const { text, keys } = spoil(content, 9, random);
            const what = `job ${line.spec.id}, its ${input.path}`;
            for (const [path, expected] of keys) wanted.push({ what, path, expected });
            return text;
          });
          spoiled.add(input.stored);
        }
      }
      return lines;
    });
    const { differences } = await replayed(folder, "--update");
    expect(wanted.length).toBeGreaterThan(40);
    const isFound = ({ what, path, expected }: (typeof wanted)[number]) =>
      differences.some((one) => one.what === what && one.path === path && one.expected === expected);
    expect(wanted.filter((one) => !isFound(one))).toEqual([]);
    const shown = inputNamed(await linesIn(join(folder, "connection-1.jsonl")), "iter1_spec.yaml");
    expect(shown).toEqual(inputNamed(recorded, "iter1_spec.yaml"));
    expect(await replayed(folder)).toMatchObject({ code: 0, differences: [] });
  });

  it.each<[string, (lines: Lines) => Lines, Partial<Difference>]>([
    [
      "a label of a row to train on",
      changing("train_combined_iter1.csv", (csv) => csv.replace(/^((?:.*\n){3}[^,]*,[^,]*),[^,]*/, "$1,ELSE")),
      { path: "rows[2].label", expected: "ELSE" },
    ],
    [
      "a row to train on that is gone",
      changing("train_combined_iter1.csv", (csv) => csv.replace(/\n[^\n]*\n$/, "\n")),
      { path: "rows" },
    ],
    [
      "an image to be mined for",
      changing("targets.parquet", (columns) => {
        columns[0].values[1] = "other.jpg";
      }),
      { path: "rows[1].filepath", expected: "other.jpg" },
    ],
    [
      "a note in a spec",
      changing("embedding_spec.yaml", (text) => `# by hand\n${text}`),
      { path: "line 1", expected: "# by hand" },
    ],
    [
      "a spec that is no longer written",
      (lines) => {
        const { inputs } = lines.find(({ kind }) => kind === "job-start");
        inputs.push({ ...inputs[0], path: "{workspace}/results/{run-1}/baseline/more.yaml" });
        return lines;
      },
      { path: "content", actual: "(nothing)" },
    ],
    [
      "a spec that is new",
      (lines) => {
        lines.find(({ kind }) => kind === "job-start").inputs.pop();
        return lines;
      },
      { path: "content", expected: "(nothing)" },
    ],
  ])("differs in %s", async (_, edit, difference) => {
    const { code, differences } = await replayed(await edited(edit));
    expect([code, differences[0]]).toMatchObject([1, difference]);
  });

  it("differs when a user changes a value of the spec in the workspace, and the diff names it", async () => {
    const other = join(await newFolder(), "boards");
    await cp(workspace, other, { recursive: true });
    const path = join(other, "specs", "baseline_spec.yaml");
    await writeFile(path, (await readFile(path, "utf8")).replace(/weight_decay: .*/, "weight_decay: 0.02"));
    const { code, stdout } = await runCommand(replay, [goodRun, "--workspace", other]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      "job baseline-train-1-train, its {workspace}/results/{run-1}/baseline/baseline_spec.yaml\n" +
        "  at train.optim.weight_decay\n  - recorded  0.01\n  + now       0.02",
    );
  });

  it("is not asked for by a trace that was recorded without", async () => {
    const folder = await edited((lines) => {
      for (const line of lines) if (line.kind === "job-start") delete line.inputs;
      return lines;
    });
    expect(await replayed(folder)).toMatchObject({ code: 0, differences: [] });
  });

  it.each<[string, (input: Input) => object, string]>([
    [
      "whose content is missing",
      (input) => Object.assign(input, { stored: "0".repeat(64) }),
      "A recorded file is missing.",
    ],
    ["with another hash", (input) => Object.assign(input, { sha256: "0".repeat(64) }), "A recorded file was changed."],
  ])("makes a trace unusable %s", async (_, spoilInput, message) => {
    const folder = await edited((lines) => {
      spoilInput(inputNamed(lines, "iter1_spec.yaml"));
      return lines;
    });
    expect(await replayed(folder)).toMatchObject({ code: 2, error: { code: "trace.unusable", message } });
  });
});

describe("a table for a job that is beyond 16 MiB", () => {
  const files = new Map();
  const wide = "x".repeat(1000);

  /** Reads the inputs of a job that is given a table of 17,000 rows below a folder with a name of its own. */
  async function given(at: number, label: string) {
    const run = await newFolder();
    const rows = Array.from({ length: 17_000 }, (_, row) => `${run}/${row}.jpg,${wide},${row === at ? label : "PASS"}`);
    await writeFile(join(run, "rows.csv"), `input_path,note,label\n${rows.join("\n")}\n`);
    const change = (text: string) => text.replaceAll(run, "{run-1}");
    return await readInputs(run, { argv: [`csv=${run}/rows.csv`] }, { change, isOutput: () => false });
  }

  const differences = (before: Awaited<ReturnType<typeof given>>, after: typeof before) =>
    inputMismatches(
      before.map(({ input }) => input),
      after,
      files,
      false,
    );

  it("is known by the hash of what it says, wherever it lies, and one other cell is a difference", async () => {
    const [first, same, other] = [await given(-1, ""), await given(-1, ""), await given(16_999, "missing")];
    expect(first).toEqual([{ input: { path: "{run-1}/rows.csv", sha256: expect.any(String) }, long: true }]);
    expect(differences(first, same)).toEqual([]);
    expect(differences(first, other)).toMatchObject([{ file: "{run-1}/rows.csv", path: "content" }]);
  });

  it("names nothing that a spec as long would name, which is not read whole for it", async () => {
    const run = await newFolder();
    await writeFile(join(run, "long.yaml"), `path: ${run}/rows.csv\n${`# ${wide}\n`.repeat(17_000)}`);
    await writeFile(join(run, "rows.csv"), "input_path,label\n");
    const inputs = await readInputs(
      run,
      { argv: [`${run}/long.yaml`] },
      { change: (text) => text, isOutput: () => false },
    );
    expect(inputs.map(({ input }) => input.path)).toEqual([`${run}/long.yaml`]);
  });

  it("is no difference to a trace of before, which does not name it", async () => {
    expect(differences([], await given(-1, ""))).toEqual([]);
  });
});
