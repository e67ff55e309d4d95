import type { EngineIo } from "../io.ts";
import { datasetParts, targetOf } from "../model/dataset.ts";
import { loadTaskCheckpoint, scorePair } from "../model/score.ts";
import { runChangenetTask, type TaskContext } from "../task.ts";

/** `visual_changenet evaluate`: TAO's own figures on the test split at `model.classify.eval_margin`, in status.json. */
export function evaluate(args: string[], io: EngineIo): Promise<number> {
  return runChangenetTask("evaluate", args, io, evaluateModel);
}

async function evaluateModel(task: TaskContext): Promise<void> {
  const { spec, status, io } = task;
  const checkpoint = loadTaskCheckpoint(spec, "evaluate", io);
  const counts = { tp: 0, fp: 0, tn: 0, fn: 0 };
  for await (const { rows, features } of datasetParts(task, "test", "evaluation")) {
    for (const [at, row] of rows.entries()) {
      const failed = scorePair(checkpoint, features[at] as Float32Array) > spec.eval_margin;
      if (targetOf(row) === 1) counts[failed ? "tp" : "fn"]++;
      else counts[failed ? "fp" : "tn"]++;
    }
  }
  const { tp, fp, tn, fn } = counts;
  const total = tp + fp + tn + fn;
  const accuracy = (100 * (tp + tn)) / total;
  const caught = (100 * tp) / (tp + fn);
  const share = (count: number) => (100 * count) / total;
  io.stdout.write(
    `Tot Comp ${total} Total Accuracy ${accuracy.toFixed(2)} False Negative ${share(fn).toFixed(2)} ` +
      `False Alarm ${share(fp).toFixed(2)} Defect Correctly Captured ${caught.toFixed(2)} for Margin ${spec.eval_margin}\n`,
  );
  status("RUNNING", "Test metrics generated.", {
    kpi: { test_acc: accuracy, test_fpr: share(fp), test_fnr: share(fn), defect_acc: caught },
  });
}
