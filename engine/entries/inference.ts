import { join } from "node:path";
import { writeRows } from "../../server/data/csv.ts";
import type { EngineIo } from "../io.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { datasetParts } from "../model/dataset.ts";
import { float32Text, loadTaskCheckpoint, scorePair } from "../model/score.ts";
import { runChangenetTask, type TaskContext } from "../task.ts";

const SCORE = "siamese_score";

/** `visual_changenet inference`: scores every row of the infer CSV and writes `inference.csv` beside status.json. */
export function inference(args: string[], io: EngineIo): Promise<number> {
  return runChangenetTask("inference", args, io, scoreRows);
}

async function scoreRows(task: TaskContext): Promise<void> {
  const checkpoint = loadTaskCheckpoint(task.spec, "inference", task.io);
  await writeRows(join(task.spec.results_dir, "inference.csv"), scoredRows(task, checkpoint));
}

/** The header, then the rows as they are scored. */
async function* scoredRows(task: TaskContext, checkpoint: Checkpoint): AsyncGenerator<string[]> {
  let columns: readonly string[] | undefined;
  for await (const part of datasetParts(task, "infer", "inference")) {
    if (columns === undefined) {
      columns = part.columns.includes(SCORE) ? part.columns : [...part.columns, SCORE];
      yield [...columns];
    }
    for (const [at, row] of part.rows.entries()) {
      const score = float32Text(scorePair(checkpoint, part.features[at] as Float32Array));
      yield columns.map((column) => (column === SCORE ? score : (row[column] ?? "")));
    }
  }
}
