// Exact nearest neighbours of embeddings: node bench/run.mjs nearest [--targets 1000] [--rows 100000] [--width 768]
// [--k 5] [--python /path/to/python]. The peer is numpy in float32, given the same tables; it needs numpy and pyarrow.
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findNearest } from "../server/data/nearest.ts";
import { residentMemory } from "./memory.ts";

const { values: flags } = parseArgs({
  options: {
    targets: { type: "string", default: "1000" },
    rows: { type: "string", default: "100000" },
    width: { type: "string", default: "768" },
    k: { type: "string", default: "5" },
    python: { type: "string", default: "python3" },
  },
});

/** Writes a table of random vectors, 20,000 rows at a time. */
const writing = `
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
rows, width, path, seed = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
random = np.random.default_rng(seed)
schema = pa.schema([("filepath", pa.string()), ("label", pa.string()), ("embedding", pa.list_(pa.float64()))])
with pq.ParquetWriter(path, schema) as file:
    for start in range(0, rows, 20000):
        n = min(20000, rows - start)
        values = random.standard_normal((n, width), dtype=np.float32).astype(np.float64)
        starts = pa.array(np.arange(0, (n + 1) * width, width, dtype=np.int32))
        names = [f"images/part_{start + i:08d}.jpg" for i in range(n)]
        lists = pa.ListArray.from_arrays(starts, pa.array(values.ravel()))
        file.write_table(pa.table([pa.array(names), pa.array(["PASS"] * n), lists], schema=schema))
`;

/** The same search in blocks, as numpy does it best; prints seconds of reading and of searching, MB, and indices. */
const searching = `
import sys, time, json, resource, numpy as np, pyarrow.parquet as pq
source, target, k = sys.argv[1], sys.argv[2], int(sys.argv[3])
def blocks(path):
    for batch in pq.ParquetFile(path).iter_batches(columns=["embedding"], batch_size=20000):
        values = batch.column(0).flatten().to_numpy().astype(np.float32).reshape(batch.num_rows, -1)
        yield values / np.linalg.norm(values, axis=1, keepdims=True)
reading = searching = 0.0
targets = np.concatenate(list(blocks(target)))
best, far, first = None, None, 0
clock = time.time()
for block in blocks(source):
    reading += time.time() - clock
    clock = time.time()
    distance = 1 - targets @ block.T
    at = np.argpartition(distance, min(k, distance.shape[1] - 1), axis=1)[:, :k]
    near = np.take_along_axis(distance, at, 1)
    at = at + first
    if best is not None: at, near = np.concatenate([best, at], 1), np.concatenate([far, near], 1)
    order = np.argsort(near, axis=1, kind="stable")[:, :k]
    best, far = np.take_along_axis(at, order, 1), np.take_along_axis(near, order, 1)
    first += len(block)
    searching += time.time() - clock
    clock = time.time()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"reading": reading, "searching": searching, "memory": memory, "best": best.tolist()}))
`;

export async function measure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-nearest-"));
  const tables = { source: join(folder, "source.parquet"), targets: join(folder, "targets.parquet") };
  try {
    python(writing, flags.rows, flags.width, tables.source, "1");
    python(writing, flags.targets, flags.width, tables.targets, "2");
    const megabytes = (await stat(tables.source)).size / 1e6;
    const size = `${flags.targets} targets x ${flags.rows} rows x ${flags.width}`;
    console.log(`\n${size}, ${megabytes.toFixed(0)} MB of parquet, ${cpus().length} processors`);
    const limit = await seconds(() => readThrough(tables.source));
    console.log(`  limit: reading the file                     ${limit.toFixed(1)} s`);
    const peer = JSON.parse(python(searching, tables.source, tables.targets, flags.k));
    const theirs = peer.reading + peer.searching;
    const parts = `${peer.reading.toFixed(1)} s of it reading, ${peer.searching.toFixed(1)} s searching`;
    console.log(
      `  peer: numpy float32                         ${theirs.toFixed(1)} s, ${parts}, ${peer.memory.toFixed(0)} MB`,
    );
    const memory = residentMemory();
    let found: Awaited<ReturnType<typeof findNearest>> | undefined;
    const ours = await seconds(async () => {
      found = await findNearest(tables, { metric: "cosine", k: Number(flags.k) });
    });
    console.log(
      `  exact float64, all in all                   ${ours.toFixed(1)} s, ${memory.stop().toFixed(0)} MB, ${memory.below().toFixed(0)} of them in the second process`,
    );
    console.log(`  ratio to the peer                           ${(ours / theirs).toFixed(2)}`);
    const same = peer.best.flat().filter((row: number, at: number) => row === found?.nearest.rows[at]).length;
    console.log(`  neighbours that both name at their place    ${same} of ${peer.best.flat().length}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Reads a file as `cat` does. */
function readThrough(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn("cat", [path], { stdio: "ignore" })
      .on("exit", () => resolve())
      .on("error", reject);
  });
}

function python(script: string, ...argv: string[]): string {
  const ended = spawnSync(flags.python, ["-c", script, ...argv], { encoding: "utf8", maxBuffer: 1 << 30 });
  if (ended.status !== 0) throw new Error(`${flags.python}: ${ended.error?.message ?? ended.stderr}`);
  return ended.stdout;
}
