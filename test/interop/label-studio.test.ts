import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { systemDeps } from "../../server/cli/deps.ts";
import { listMisjudged } from "../../server/report/listing.ts";
import { exportText, labelStudioView } from "../../server/report/misjudged-files.ts";
import { type FinishedRun, finishedRun } from "../support/finished-run.ts";

const script = `
import json, sys
from label_studio_sdk.label_interface import LabelInterface
given = json.load(sys.stdin)
view = LabelInterface(given["view"])
def fits(task):
    return view.validate_task({"data": task["data"]}) and all(view.validate_prediction(one) for one in task["predictions"])
print(json.dumps([fits(task) for task in given["tasks"]]))
`;

let run: FinishedRun;
beforeAll(async () => {
  run = await finishedRun({ far_pct: [50, 20], pass_rows: 20, distinct_images: 20, defects: { missing: 4 } });
});
afterAll(() => run.remove());

/** What Label Studio's own SDK says of each task under the interface that the command prints. */
function fits(tasks: unknown): boolean[] {
  const input = JSON.stringify({ view: labelStudioView, tasks });
  return JSON.parse(execFileSync(process.env.PYTHON ?? "python3", ["-c", script], { input, encoding: "utf8" }));
}

it("tasks of misjudged parts fit the interface that goes with them, as Label Studio's SDK judges", async () => {
  const listing = await listMisjudged(run.runDir, { threshold: 0.6 }, systemDeps({ env: {}, cwd: process.cwd() }));
  const tasks = JSON.parse(await exportText("labelstudio", listing));
  expect(tasks.length).toBeGreaterThan(3);
  expect(fits(tasks)).toEqual(tasks.map(() => true));
  const [task] = tasks;
  const { golden: _, ...data } = task.data;
  const [prediction] = task.predictions;
  const choices = { ...prediction.result[0], value: { choices: ["nonsense"] } };
  expect(
    fits([
      { ...task, data },
      { ...task, predictions: [{ ...prediction, result: [choices] }] },
    ]),
  ).toEqual([false, false]);
});
