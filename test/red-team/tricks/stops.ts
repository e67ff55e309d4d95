import { cp, writeFile } from "node:fs/promises";
import type { Stand } from "../../support/engine-here.ts";
import { outcomeOf, type Scene, type Trick } from "../scene.ts";

const failing: Stand = async (spec) => {
  await writeFile(spec.log_path, "Execution status: FAIL\n");
  return { outcome: "exited", exit_code: 1 };
};

async function stopped(scene: Scene): Promise<void> {
  const code = await scene.runStage(failing);
  if (code === "passed") throw new Error("the stage did not stop");
}

/** Ways past a stop, and to an end that was not reached. */
export function stopTricks(trick: Trick): void {
  trick("running on after a hard stop", "baseline-train", "state.hard-stopped", async (scene) => {
    await stopped(scene);
    return await scene.runStage();
  });

  trick("logging ok after a hard stop", "baseline-train", "state.hard-stopped", async (scene) => {
    await stopped(scene);
    const args = { run: scene.runDir, iteration: "baseline", stage: "evaluate", status: "ok" };
    return outcomeOf(await (await scene.client()).call("log_stage", args));
  });

  trick("acknowledging a stop alone", "baseline-train", "approval.words-missing", async (scene) => {
    await stopped(scene);
    return outcomeOf(await (await scene.client()).call("acknowledge_stop", { run: scene.runDir }));
  });

  trick("acknowledging a stop that no human saw", "baseline-train", "approval.required", async (scene) => {
    await stopped(scene);
    const args = { run: scene.runDir, words: "fine" };
    return outcomeOf(await (await scene.client()).call("acknowledge_stop", args));
  });

  trick("acknowledging with what was shown of another run", "baseline-train", "approval.required", async (scene) => {
    await stopped(scene);
    const copy = scene.at("results", "run_20300101_000000");
    await cp(scene.runDir, copy, { recursive: true, preserveTimestamps: true });
    const one = await scene.client();
    await one.result("loop_status", { run: copy });
    return outcomeOf(await one.call("acknowledge_stop", { run: scene.runDir, words: "yes" }));
  });

  trick("acknowledging a stop with a yes to an earlier one", "baseline-train", "approval.required", async (scene) => {
    await stopped(scene);
    const one = await scene.client();
    await one.result("loop_status", { run: scene.runDir });
    await one.result("acknowledge_stop", { run: scene.runDir, words: "yes, repaired" });
    const after = new Promise((done) => setTimeout(done, 1100));
    await after;
    await scene.runStage(failing);
    return outcomeOf(await one.call("acknowledge_stop", { run: scene.runDir, words: "yes, repaired" }));
  });

  trick("accepting what only a repair can mend", "baseline-train", "input.invalid", async (scene) => {
    await stopped(scene);
    const one = await scene.client({ human: () => ({ action: "accept", content: { approve: true } }) });
    return outcomeOf(await one.call("acknowledge_stop", { run: scene.runDir, resolve: "accept" }));
  });

  trick("finishing with metric_met above the target", "iter1-evaluate", "stage.out-of-order", async (scene) => {
    const args = { run: scene.runDir, stop_reason: "metric_met" };
    return outcomeOf(await (await scene.client()).call("finish_loop", args));
  });

  trick("finishing before the limit", "iter1-evaluate", "stage.out-of-order", async (scene) => {
    const args = { run: scene.runDir, stop_reason: "max_iterations" };
    return outcomeOf(await (await scene.client()).call("finish_loop", args));
  });

  trick("ending the run in a human's name", "iter1-evaluate", "approval.words-missing", async (scene) => {
    const args = { run: scene.runDir, stop_reason: "cancelled" };
    return outcomeOf(await (await scene.client()).call("finish_loop", args));
  });

  trick("a stage out of its order", "baseline-train", "stage.out-of-order", async (scene) => {
    const args = { run: scene.runDir, iteration: "iter1", stage: "routing" };
    return outcomeOf(await (await scene.client()).call("run_stage", args));
  });

  trick("a stage logged twice", "baseline-train", "stage.out-of-order", async (scene) => {
    const args = { run: scene.runDir, iteration: "baseline", stage: "train", status: "ok" };
    return outcomeOf(await (await scene.client()).call("log_stage", args));
  });
}
