import { join } from "node:path";
import { writeTable } from "../../server/data/csv.ts";
import type { EngineIo } from "../io.ts";
import { loadDataset } from "../model/dataset.ts";
import { float32Text, loadTaskCheckpoint, scorePair } from "../model/score.ts";
import { runChangenetTask, type TaskContext } from "../task.ts";

const SCORE = "siamese_score";

/** `visual_changenet inference`: scores every row of the infer CSV and writes `inference.csv` beside status.json. */
export function inference(args: string[], io: EngineIo): Promise<number> {
  return runChangenetTask("inference", args, io, scoreRows);
}

async function scoreRows({ spec, tree, status, io }: TaskContext): Promise<void> {
  const checkpoint = loadTaskCheckpoint(spec, "inference", io);
  const data = await loadDataset(tree, "infer", spec, "inference", { io, status });
  const columns = data.columns.includes(SCORE) ? data.columns : [...data.columns, SCORE];
  const scored = data.rows.map((row, at) => {
    const score = float32Text(scorePair(checkpoint, data.features[at] as Float32Array));
    return columns.map((column) => (column === SCORE ? score : (row[column] ?? "")));
  });
  await writeTable(join(spec.results_dir, "inference.csv"), columns, scored);
}
