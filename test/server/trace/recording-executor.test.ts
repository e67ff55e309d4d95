import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import type { Executor } from "../../../server/ports/executor.ts";
import type { JobSpec } from "../../../server/run/job.ts";
import type { NewLine } from "../../../server/trace/format.ts";
import type { Pen } from "../../../server/trace/pen.ts";
import { recordingExecutors } from "../../../server/trace/recording-executor.ts";
import { symbolTable } from "../../../server/trace/symbols.ts";
import { testDeps } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();
const job = { id: "iter1-anomalygen-1-prep", argv: ["prep"], log_path: "/nowhere" } as unknown as JobSpec;
const noon = Date.parse("2026-11-21T12:00:00Z");

/** What a job left that began at a time of the day, when this server asks for its start at noon. */
async function outputsOf(started_at: string) {
  const run = await temporaryFolder();
  const stage = join(run, "iter1", "anomalygen");
  await mkdir(stage, { recursive: true });
  const write = async (name: string, minutes: number) => {
    await writeFile(join(stage, name), name);
    await utimes(join(stage, name), (noon + minutes * 60_000) / 1000, (noon + minutes * 60_000) / 1000);
  };
  await write("spec.yaml", -10);
  await write("testcase.jsonl", -2);
  await write("handed.csv", -0.005);
  const lines: NewLine[] = [];
  const same = (text: string) => text;
  const pen: Pen = {
    symbols: symbolTable(),
    write: (line) => void lines.push(line),
    clean: (value) => value,
    cleanText: same,
    cleanFile: same,
    keep: () => "",
    keepAside: async () => undefined,
  };
  const inner: Executor = {
    platform: "embedded",
    engine: "e",
    availability: async () => ({ available: true, detail: "" }),
    start: async () => ({}),
    poll: async () => ({ state: "ended", exit: { outcome: "exited", exit_code: 0, started_at } }),
    async cancel() {},
    async discard() {},
  };
  const deps = testDeps({ clock: { now: () => new Date(noon) }, executors: { embedded: async () => inner } });
  const executor = await recordingExecutors(deps, pen).embedded?.();
  await executor?.start(run, job);
  await write("late.jsonl", 2);
  await executor?.poll(run, { spec: job, platform: "embedded", created_at: "2026-11-21T11:00:00Z" });
  return lines
    .flatMap((line) => (line.kind === "job-end" ? line.outputs : []))
    .map(({ path }) => path.split("/").at(-1));
}

it("what a job wrote before its start was asked for is its work where a killed server had begun it", async () => {
  expect(await outputsOf("2026-11-21T11:55:00Z")).toEqual(["handed.csv", "late.jsonl", "testcase.jsonl"]);
  expect(await outputsOf("2026-11-21T12:00:01Z")).toEqual(["late.jsonl"]);
});

it("what the server wrote within the second in which a job began is no work of the job", async () => {
  expect(await outputsOf("2026-11-21T11:59:59.001Z")).toEqual(["late.jsonl"]);
});
