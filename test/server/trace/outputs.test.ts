import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "@jest/globals";
import { readParquet, writeParquet } from "../../../server/data/parquet.ts";
import { restoreOutput, stoodInFor } from "../../../server/trace/outputs.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { keptOutputs } from "../../support/kept-outputs.ts";

const newFolder = temporaryFolders();

/** What a trace keeps of a file that a job left, and the path at which it is restored in another run. */
async function kept(name: string, write: (path: string, run: string) => Promise<void>) {
  const [run, trace, other] = [await newFolder(), await newFolder(), await newFolder()];
  const path = join(run, "baseline", name);
  await mkdir(dirname(path));
  await write(path, run);
  const { outputs, files } = await keptOutputs(run, trace);
  for (const output of outputs) {
    await restoreOutput(other, output, files, (text) => text.replaceAll("{run}", other));
  }
  const exit = { outcome: "exited" as const, exit_code: 0 };
  const lacking = stoodInFor([{ n: 1, kind: "job-end", run: "{run-1}", id: "job", exit, outputs }]);
  return { run, other, lacking, path: join(other, "baseline", name) };
}

const long = 17 * 1024 * 1024;

it.each(["status.json", "train.log", "experiment.yaml"])(
  "a long %s comes back with the names of the new run",
  async (name) => {
    const text = (run: string) => `{"of": ${JSON.stringify(`${run}/a.jpg`.padEnd(1000))}}\n`.repeat(long / 1000);
    const { other, lacking, path } = await kept(name, (path, run) => writeFile(path, text(run)));
    expect((await readFile(path, "utf8")) === text(other)).toBe(true);
    expect(lacking).toEqual([]);
  },
);

it("a small table of long texts comes back: a line cannot hold what it unpacks to", async () => {
  const rows = 100_000;
  const cell = "x".repeat(400);
  const { lacking, path } = await kept("pool.parquet", (path) =>
    writeParquet(path, [{ name: "note", type: "string", values: { length: rows, at: () => cell } }]),
  );
  const table = await readParquet(path);
  expect([table.rows.length, table.rows.every(({ note }) => note === cell), lacking]).toEqual([rows, true, []]);
});

it("a long log that is no text has a stand-in, and is named", async () => {
  const { lacking, path } = await kept("train.log", (path) => writeFile(path, Buffer.alloc(long, 0xff)));
  expect([await readFile(path, "utf8"), lacking]).toEqual([
    expect.stringMatching(/^stand-in for /),
    ["baseline/train.log"],
  ]);
});
