import { fork } from "node:child_process";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { writeParquet } from "../../server/data/parquet.ts";
import type { Request } from "../../server/data/process/main.ts";
import { folderOfFile } from "../support/folder.ts";

/** What a search may have resident, whatever the size of the pool (references/decisions/005-table-readers.md). */
const boundMb = 500;
/** As the server starts the process (server/data/parquet.ts). */
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

/** Asks the second process once; the most that it had resident, in MB, or how it ended before its answer. */
async function residentFor(request: Request): Promise<number | "died"> {
  const telling = "process.on('message',m=>m==='peak'&&process.send({peak:process.resourceUsage().maxRSS/1024}))";
  const child = fork(resolve("dist", "data-process.js"), [], {
    env: {},
    execArgv: [`--max-old-space-size=${heapMb}`, "--import", `data:text/javascript,${telling}`],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  let asked = false;
  try {
    return await new Promise((resolve, reject) => {
      child.on("exit", () => resolve("died"));
      child.on("error", reject);
      child.on("message", (reply: object) => {
        if ("peak" in reply) resolve(Number(reply.peak));
        else if ("error" in reply) reject(new Error(String(reply.error)));
        else if ("end" in reply && !asked) {
          asked = true;
          child.send("peak");
        }
      });
      child.send(request as object);
    });
  } finally {
    child.kill("SIGKILL");
  }
}

describe("exact neighbours in a pool larger than the bound", () => {
  it("has a pool whose vectors alone pass the bound", async () => {
    expect((await stat(tables().source)).size / 1e6).toBeGreaterThan(boundMb);
  });

  it("stays within the bound: a search reads vectors page by page", async () => {
    const peak = await residentFor({ kind: "nearest", ...tables(), metric: "cosine", k: 5 });
    expect(peak).toBeLessThan(boundMb);
  }, 600_000);

  it("would pass it, or die of it, where the table were read by row groups with all its rows", async () => {
    const peak = await residentFor({ kind: "parquet", path: tables().source });
    expect(peak === "died" || peak > boundMb).toBe(true);
  }, 600_000);
});
