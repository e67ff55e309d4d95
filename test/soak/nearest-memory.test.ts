import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { writeParquet } from "../../server/data/parquet.ts";
import type { Request } from "../../server/data/process/main.ts";
import type { Reply } from "../../server/exec/second-process.ts";
import { folderOfFile } from "../support/folder.ts";

/** What a search may have resident, whatever the size of the pool (references/decisions/005-table-readers.md). */
const boundMb = 500;
/** As the server starts the process (server/data/process/lanes.ts). */
const heapMb = 512;
const [rows, width] = [100_000, 768];

const file = folderOfFile();
const tables = () => ({ source: join(file.path, "source.parquet"), targets: join(file.path, "targets.parquet") });

beforeAll(async () => {
  for (const [path, count] of [[tables().source, rows] as const, [tables().targets, 40] as const]) {
    const vector = (row: number) => Array.from({ length: width }, (_, at) => Math.sin(row * 7919 + at * at));
    await writeParquet(path, [
      { name: "filepath", type: "string", values: { length: count, at: (row) => `images/${row}.jpg` } },
      { name: "embedding", type: "double_list", values: { length: count, at: vector } },
    ]);
  }
}, 600_000);

/** Asks the second process once; the most that it had resident, in MB, or that it died before its answer. */
async function residentFor(request: Request): Promise<number | "died"> {
  const telling = "import{writeSync}from'fs';process.on('exit',()=>writeSync(1,`${process.resourceUsage().maxRSS}`))";
  const child = fork(resolve("dist", "data-process.js"), [], {
    env: {},
    execArgv: [`--max-old-space-size=${heapMb}`, "--import", `data:text/javascript,${encodeURIComponent(telling)}`],
    serialization: "advanced",
    stdio: ["ignore", "pipe", "ignore", "ipc"],
  });
  let said = "";
  const stdout = child.stdout as Readable;
  stdout.on("data", (text) => {
    said += text;
  });
  const ended = Promise.all([once(child, "exit"), once(stdout, "end")]);
  let refused: string | undefined;
  child.on("message", (reply: Reply) => {
    if ("error" in reply) refused = reply.error;
    // It ends when nobody can ask it any more.
    if ("end" in reply || "error" in reply) child.disconnect();
  });
  child.send(request as object);
  await ended;
  if (refused !== undefined) throw new Error(refused);
  return said === "" ? "died" : Number(said) / 1024;
}

describe("exact neighbours in a pool larger than the bound", () => {
  it("has a pool whose vectors alone pass the bound", async () => {
    expect((await stat(tables().source)).size / 1e6).toBeGreaterThan(boundMb);
  });

  it("stays within the bound: a search reads vectors page by page", async () => {
    const peak = await residentFor({ kind: "nearest", ...tables(), metric: "cosine", k: 5 });
    expect(peak).toBeLessThan(boundMb);
  }, 600_000);

  it("would pass it where a table were read whole before anything is looked at", () => {
    const reading = "require('fs').readFileSync(process.argv[1]);console.log(process.resourceUsage().maxRSS/1024)";
    const said = execFileSync(process.execPath, ["-e", reading, tables().source], { encoding: "utf8" });
    expect(Number(said)).toBeGreaterThan(boundMb);
  });
});
