import { readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { run as replay } from "../../../server/cli/replay.ts";
import { readParquet, textCell, writeParquet } from "../../../server/data/parquet.ts";
import type { Executor } from "../../../server/ports/executor.ts";
import { loadTrace } from "../../../server/trace/load.ts";
import { runCommand } from "../../support/command.ts";
import { editAside, editTrace, type Lines, linesIn } from "../../support/edited-trace.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";
import { listCell } from "../../support/list-cell.ts";
import { recordReplay } from "../../support/recorded-replay.ts";

const file = folderOfFile();
const newFolder = temporaryFolders();
/** Sizes of the widened tables, by path; each is widened once. */
const sizes = new Map<string, number>();
let workspace: string;
let recorded: string;

/**
 * A large pool and model, as far as a trace sees them: every vector gets as many dimensions more as take its table beyond
 * what is kept of tables, and the scores of the pool as long a column as takes them beyond what a line holds.
 */
function wordy(inner: Executor): Executor {
  return {
    ...inner,
    async poll(runDir, record) {
      const state = await inner.poll(runDir, record);
      const last = record.spec.argv.at(-1) ?? "";
      const [, table] = /output_parquet=(.*_embeddings\.parquet)$/.exec(last) ?? [];
      const [, scores] = /results_dir=(.*\/pool_scores)$/.exec(last) ?? [];
      const path = table ?? (scores && join(scores, "inference.csv"));
      if (state.state === "ended" && path !== undefined && !sizes.has(path)) {
        sizes.set(path, 0);
        sizes.set(path, await (table === undefined ? lengthen(path) : widen(path)));
      }
      return state;
    },
  };
}

async function widen(path: string): Promise<number> {
  const { rows } = await readParquet(path);
  const more = (row: number) => Array.from({ length: 4000 }, (_, at) => Math.sin(row * 4000 + at) * 1e-9);
  await writeParquet(path, [
    { name: "filepath", type: "string", values: rows.map((row) => textCell(row, "filepath")) },
    {
      name: "embedding",
      type: "double_list",
      values: rows.map((row, at) => [...(listCell(row, "embedding") ?? []), ...more(at)]),
    },
  ]);
  return (await stat(path)).size;
}

async function lengthen(path: string): Promise<number> {
  const [header, ...rows] = (await readFile(path, "utf8")).trimEnd().split("\n");
  const note = `seen in ${workspace} `.repeat(Math.ceil(20_000_000 / rows.length / workspace.length));
  await writeFile(path, `${[`${header},note`, ...rows.map((row) => `${row},${note}`)].join("\n")}\n`);
  return (await stat(path)).size;
}

beforeAll(async () => {
  workspace = join(file.path, "boards");
  recorded = join(file.path, "trace");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
  const places = { workspace, home: await newFolder(), dir: recorded };
  await recordReplay(resolve("test/traces/good-run"), places, wordy);
});

const replayed = async (folder: string) => {
  const { code, stdout } = await runCommand(replay, [folder, "--workspace", workspace, "--json"]);
  return { code, ...JSON.parse(stdout) };
};

describe("embeddings of a large pool", () => {
  it("are kept as what the loop read of them, and replay to the end of the run", async () => {
    const of = (name: RegExp) => [...sizes].flatMap(([path, size]) => (name.test(path) ? size : []));
    expect(Math.max(...of(/parquet$/))).toBeGreaterThan(3_000_000);
    expect(Math.min(...of(/csv$/))).toBeGreaterThan(20_000_000);
    expect((await stat(join(recorded, "connection-1.jsonl"))).size).toBeLessThan(1_000_000);
    expect((await readdir(join(recorded, "files"))).length).toBeGreaterThanOrEqual(2);
    // A slow machine asks more often: a stage may still have been running when its wait ended.
    const calls = (await readFile(join(recorded, "connection-1.jsonl"), "utf8")).match(
      /"method":"tools\/call"/g,
    )?.length;
    expect(calls).toBeGreaterThanOrEqual(14);
    expect(await replayed(recorded)).toMatchObject({ code: 0, same: true, calls });
  });

  it("are kept with what each image is most like; a trace of before replays without", async () => {
    const folder = await editTrace(recorded, await newFolder(), (lines) => {
      // What the server wrote in the second in which training began counts as left by training.
      const own = ({ path }: { path: string }) => !path.startsWith("iter1/mining_results/");
      for (const line of lines) if (/train|evaluate/.test(line.id)) line.outputs = line.outputs?.filter(own);
      return lines;
    });
    await editFacts(folder, (facts) => {
      expect(facts.like?.map(([path]) => path)).toEqual(facts.nearest.map(([path]) => path));
      delete facts.like;
    });
    expect(await replayed(folder)).toMatchObject({ code: 0, same: true });
  });

  it.each<[string, (facts: Facts) => void]>([
    ["a row that is gone", ({ source }) => void source.pop()],
    [
      "a similarity below the floor",
      ({ nearest }) => void nearest.splice(0, Infinity, ...nearest.map(([path]): Pair => [path, 0.5])),
    ],
    ["every vector that was compared is gone", ({ nearest }) => void nearest.splice(0, Infinity)],
  ])("differ when %s", async (_, change) => {
    const folder = await copied();
    await editFacts(folder, change);
    const result = await replayed(folder);
    expect([result.code, result.differences[0].what]).toEqual([
      1,
      expect.stringMatching(/^run_stage .*: log entries$/),
    ]);
  });

  it("leave a trace unusable when it holds something else", async () => {
    const folder = await copied();
    await editFacts(folder, ({ source }) => void source.push(["no row"] as never));
    const { code, error } = await replayed(folder);
    expect([code, error.code, error.message]).toEqual([2, "trace.unusable", expect.stringContaining("another shape")]);
  });

  it("are read as formats before 3 held them, too", async () => {
    const older = async (change: (facts: Facts) => void) => {
      const folder = await copied();
      await editFacts(folder, change, "inline");
      const { code, error, differences } = await replayed(folder);
      return [code, error.code, differences?.[0].what];
    };
    const differs = [1, "trace.difference", expect.stringMatching(/^run_stage .*: log entries$/)];
    expect(await older(({ nearest }) => void nearest.splice(0, Infinity))).toEqual(differs);
    const strange = await older(({ source }) => void source.push(["no row"] as never));
    expect(strange).toEqual([2, "trace.unusable", undefined]);
  });
});

/** What lies beside a trace, or is said of it, and how the trace then cannot be used. */
const spoilings: [string, (folder: string, path: string) => Promise<unknown>, RegExp][] = [
  ["gone", (_, path) => rm(path), /cannot be read/],
  ["no packed file", (_, path) => writeFile(path, "x"), /cannot be read/],
  ["cut off", (_, path) => truncate(path, 1000), /cannot be read/],
  ["another text", (_, path) => writeFile(path, gzipSync("x\n")), /was changed/],
  // Who unpacked all of it before he looked at its length would find the cut.
  [
    "far longer than its line says",
    (_, path) => writeFile(path, gzipSync(Buffer.alloc(1 << 28)).subarray(0, 200_000)),
    /too long/,
  ],
  [
    "named by a path",
    (folder) => edited(folder, (line) => Object.assign(line, { sha256: "../../x" })),
    /another name than a sha256/,
  ],
];

describe("a text beside a trace", () => {
  it.each(spoilings)("that is %s makes it unusable", async (_, spoil, message) => {
    const folder = await copied();
    const [name = ""] = await readdir(join(folder, "files"));
    await spoil(folder, join(folder, "files", name));
    const { code, error } = await replayed(folder);
    expect([code, error.code, error.message]).toEqual([2, "trace.unusable", expect.stringMatching(message)]);
  });

  it("counts for the size of the trace", async () => {
    const { size_bytes } = await loadTrace(recorded);
    const names = await readdir(recorded, { recursive: true });
    const sizes = await Promise.all(
      names.filter((name) => /\.\w+$/.test(name)).map((name) => stat(join(recorded, name))),
    );
    expect(size_bytes).toBe(sizes.reduce((sum, { size }) => sum + size, 0));
  });
});

async function copied(): Promise<string> {
  return await editTrace(recorded, await newFolder(), (lines) => lines);
}

async function edited(folder: string, change: (line: Lines[number]) => void): Promise<void> {
  const path = join(folder, "connection-1.jsonl");
  const lines = await linesIn(path);
  change(lines.find(({ encoding }) => encoding === "aside"));
  await writeFile(path, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
}

type Pair = [string, number];
type Facts = { source: Pair[]; targets: Pair[]; nearest: Pair[]; like?: [string, string][]; counts?: Pair[] };

/** Changes what was read of a table; it then lies beside the trace, or in a line as before format 3. */
async function editFacts(folder: string, change: (facts: Facts) => void, where?: "inline"): Promise<void> {
  await editAside(folder, (text) => {
    if (!text.startsWith("[")) return text;
    const facts: Facts = { source: [], targets: [], nearest: [] };
    for (const row of text.trimEnd().split("\n")) {
      const [kind, ...pair] = JSON.parse(row) as [keyof Facts, ...Pair];
      facts[kind] = [...(facts[kind] ?? []), pair] as never;
    }
    change(facts);
    const counts = Object.fromEntries(facts.counts ?? []);
    if (where === "inline") return { encoding: "table", content: { ...facts, counts } };
    const rows = Object.entries(facts).flatMap(([kind, pairs]) => pairs.map((pair) => JSON.stringify([kind, ...pair])));
    return `${rows.join("\n")}\n`;
  });
}
