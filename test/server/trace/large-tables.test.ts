import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { run as replay } from "../../../server/cli/replay.ts";
import { readParquet, textCell, writeParquet } from "../../../server/data/parquet.ts";
import type { Executor } from "../../../server/ports/executor.ts";
import { runCommand } from "../../support/command.ts";
import { editStored, editTrace, type Lines } from "../../support/edited-trace.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";
import { listCell } from "../../support/list-cell.ts";
import { recordReplay } from "../../support/recorded-replay.ts";

const file = folderOfFile();
const newFolder = temporaryFolders();
/** Sizes of the widened tables, by path; each is widened once. */
const sizes = new Map<string, number>();
let workspace: string;
let recorded: string;

/** The embedder of a large model: every vector gets as many dimensions more as take the table beyond the cap. */
function wordy(inner: Executor): Executor {
  return {
    ...inner,
    async poll(runDir, record) {
      const state = await inner.poll(runDir, record);
      const path = /output_parquet=(.*_embeddings\.parquet)$/.exec(record.spec.argv.at(-1) ?? "")?.[1];
      if (state.state === "ended" && path !== undefined && !sizes.has(path)) sizes.set(path, await widen(path));
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
    expect(Math.max(...sizes.values())).toBeGreaterThan(3_000_000);
    expect((await stat(join(recorded, "connection-1.jsonl"))).size).toBeLessThan(1_000_000);
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
      return editFacts(lines, (facts) => {
        expect(facts.like?.map(([path]) => path)).toEqual(facts.nearest.map(([path]) => path));
        delete facts.like;
      });
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
    const folder = await editTrace(recorded, await newFolder(), (lines) => editFacts(lines, change));
    const result = await replayed(folder);
    expect([result.code, result.differences[0].what]).toEqual([
      1,
      expect.stringMatching(/^run_stage .*: log entries$/),
    ]);
  });

  it("leave a trace unusable when it holds something else", async () => {
    const lacking = (change: (facts: Facts) => void) => async () => {
      const folder = await editTrace(recorded, await newFolder(), (lines) => editFacts(lines, change));
      const { code, error } = await replayed(folder);
      return [code, error.code, error.message];
    };
    const strange = lacking((facts) => Object.assign(facts, { nearest: "none" }));
    expect(await strange()).toEqual([2, "trace.unusable", expect.stringContaining("another shape")]);
  });
});

type Pair = [string, number];
type Facts = { source: Pair[]; targets: Pair[]; nearest: Pair[]; like?: [string, string][] };

function editFacts(lines: Lines, change: (facts: Facts) => void): Lines {
  return editStored(lines, lines.find((line) => line.kind === "embeddings").stored, change);
}
