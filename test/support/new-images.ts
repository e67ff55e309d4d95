import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeGapTable } from "../../server/data/gap-files.ts";
import { type ParquetColumn, writeParquet } from "../../server/data/parquet.ts";
import type { RunState } from "../../server/run/state.ts";
import { generatedPair, partImage } from "./board-images.ts";
import type { FinishedRun } from "./finished-run.ts";

/** Says where each iteration of a finished run noted what it mined; for `finishedRun({ change })`. */
export function notesMined(state: RunState): void {
  for (const [label, iteration] of Object.entries(state.iterations)) {
    if (label === "baseline") continue;
    Object.assign(iteration, {
      mining_mined_parquet: join(state.results_dir, label, "mining_results", "mined.parquet"),
      routing_mining_parquet: join(state.results_dir, label, "routing", "mining.parquet"),
      settings: { mining: "pool_error" },
    });
  }
}

export type Noted = {
  /** Without it mining noted similarities alone, as it did once. */
  readonly weakOf?: (row: number) => string;
};

/** The images that a finished run mined and generated, and what it noted of the mined ones. */
export async function putNewImages({ workspace, runDir, state }: FinishedRun, noted: Noted = {}): Promise<void> {
  const { ng, ok } = generatedPair();
  await put(join(workspace, "pool", "P_SolderLight.jpg"), partImage(3));
  for (const label of Object.keys(state.iterations)) {
    if (label === "baseline") continue;
    const number = label.slice("iter".length);
    const pool = Array.from({ length: 25 }, (_, row) => join(workspace, "pool", `P${number}_${row}_SolderLight.jpg`));
    for (const path of pool) await copyFile(join(workspace, "pool", "P_SolderLight.jpg"), path);
    const made = join(runDir, label, "dataset", "images", `synthetic_${label}`);
    for (let row = 0; row < 20; row++) {
      await put(join(`${made}_ng`, `PCB+missing_${row}_SolderLight.jpg`), ng);
      await put(join(`${made}_ok`, `PCB+missing_${row}_SolderLight.jpg`), ok);
      await put(join(runDir, label, "anomalygen", "sdg", "annotated_image", `PCB+missing_${row}.png`), partImage(5));
    }
    await writeMined(join(runDir, label, "mining_results", "mined.parquet"), pool, noted.weakOf);
    const weak = [...new Set(pool.flatMap((_, row) => noted.weakOf?.(row) ?? []))];
    await mkdir(join(runDir, label, "routing"), { recursive: true });
    await writeGapTable(
      join(runDir, label, "routing", "mining.parquet"),
      weak.map((filepath) => ({ filepath, label: "bridge", siamese_score: 0.4, weakness: 0.1 })),
    );
  }
  await rm(join(workspace, "pool", "P_SolderLight.jpg"));
}

async function writeMined(path: string, pool: readonly string[], weakOf: Noted["weakOf"]): Promise<void> {
  const weak: ParquetColumn[] =
    weakOf === undefined ? [] : [{ name: "weak_filepath", type: "string", values: pool.map((_, row) => weakOf(row)) }];
  await mkdir(dirname(path), { recursive: true });
  await writeParquet(path, [
    { name: "filepath", type: "string", values: [...pool] },
    { name: "max_cosine_similarity", type: "double", values: pool.map((_, row) => 0.95 - row / 100) },
    ...weak,
  ]);
}

async function put(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
