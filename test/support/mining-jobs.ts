import { join } from "node:path";
import { writeChangeNet } from "../../server/data/changenet.ts";
import { writeGapTable } from "../../server/data/gap-files.ts";
import { readParquet, textCell, writeParquet } from "../../server/data/parquet.ts";
import type { IterationLabel } from "../../server/run/labels.ts";
import type { IterationState } from "../../server/run/state.ts";
import { poolSource, writeResolvedPool } from "../../server/stages/shared/mining-pool.ts";
import { resolvePool } from "../../server/stages/shared/pool-resolver.ts";
import { leaveLog, put, type StageWorkspace } from "./stage-workspace.ts";

/** Takes the snapshot that a run mines from, as the creation of a run does. */
export async function snapshotPool(home: StageWorkspace): Promise<void> {
  const source = poolSource(home.config, { lightings: home.lightings, image_ext: ".jpg" });
  const path = join(home.runDir, "inputs", "mining_pool.resolved.csv");
  await put(path, "");
  await writeResolvedPool(path, source, resolvePool(source));
  home.config.resolved_mining_pool_csv = path;
}

export const poolImage = (home: StageWorkspace, name: string, lighting = "SolderLight") =>
  home.at("augmentation", "mining_pool", "images", "boards", `${name}_${lighting}.jpg`);
export const resultDir = (home: StageWorkspace, label: string) =>
  join(home.runDir, label, "mining_results", "2026-01-01_000000");

/** A context in which routing sent these KPI parts to mining and generation added nothing. */
export async function routedToMining(
  home: StageWorkspace,
  label: IterationLabel,
  parts: readonly [string, string][],
  before: Record<string, IterationState> = {},
) {
  const dir = join(home.runDir, label);
  const routing_mining_parquet = join(dir, "mining_gaps.parquet");
  await put(join(dir, "note"), "");
  const gaps = parts.flatMap(([defect, part]) =>
    home.lightings.map((lighting) => ({
      filepath: home.at("images", "boards", `${part}_${lighting}.jpg`),
      label: defect,
      siamese_score: 0.5,
      weakness: 0,
    })),
  );
  await writeGapTable(routing_mining_parquet, gaps);
  await put(join(dir, "mining_filter", "note"), "");
  await writeChangeNet(join(dir, "mining_filter", "sdg_rows.csv"), []);
  return home.context(label, { ...before, [label]: { routing_mining_parquet } });
}

export type MiningLeft = {
  mined?: readonly string[];
  vectors?: Readonly<Record<string, readonly number[]>>;
  verdict?: string;
};

/** What the two embedding runs and the k-NN run leave: target vectors are (1, 0), pool vectors as given. */
export async function leaveMining(home: StageWorkspace, label: string, left: MiningLeft = {}): Promise<void> {
  const dir = resultDir(home, label);
  for (const [input, output] of [
    ["targets", "target_embeddings"],
    ["source_pool", "source_embeddings"],
  ] as const) {
    const { rows } = await readParquet(join(dir, `${input}.parquet`));
    const paths = rows.map((row) => textCell(row, "filepath"));
    await writeParquet(join(dir, `${output}.parquet`), [
      { name: "filepath", type: "string", values: paths },
      { name: "embedding", type: "double_list", values: paths.map((path) => left.vectors?.[path] ?? [1, 0]) },
    ]);
  }
  const mined = left.mined ?? [poolImage(home, "p3"), poolImage(home, "p4")];
  await writeParquet(join(dir, "mined_raw.parquet"), [{ name: "filepath", type: "string", values: mined }]);
  for (const name of ["target_embeddings", "source_embeddings", "nearest_neighbors"]) {
    await leaveLog(join(dir, `${name}.log`), left.verdict);
  }
}
