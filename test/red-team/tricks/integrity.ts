import { copyFile, cp, readFile, rm, writeFile } from "node:fs/promises";
import { writeParquet } from "../../../server/data/parquet.ts";
import { edit, linesOf, outcomeOf, type Scene, type Trick } from "../scene.ts";

const seen = "state.tampered";

async function inferenceOf(scene: Scene): Promise<string> {
  return JSON.parse(await readFile(scene.in("deft_state.json"), "utf8")).iterations.iter1.inference_csv;
}

/** Edits behind the server's back: the next call names them. */
export function integrityTricks(trick: Trick): void {
  trick("scores changed after the commit", "iter1-evaluate", seen, async (scene) => {
    await edit(await inferenceOf(scene), (text) => text.replace(/,[0-9.e-]+\n$/, ",0.0001\n"));
    return await scene.runStage();
  });

  trick("inference rows removed after the commit", "iter1-evaluate", seen, async (scene) => {
    const csv = await inferenceOf(scene);
    await writeFile(csv, `${(await linesOf(csv)).slice(0, -1).join("\n")}\n`);
    return await scene.runStage();
  });

  trick("a hand-edited far_pct", "iter1-evaluate", seen, async (scene) => {
    await edit(scene.in("deft_state.json"), (text) => text.replaceAll(/"far_pct": [0-9.]+/g, '"far_pct": 0.01'));
    return await scene.runStage();
  });

  trick("a verdict set to passed", "iter1-evaluate", seen, async (scene) => {
    await edit(scene.in("deft_state.json"), (text) => text.replaceAll('"passed": false', '"passed": true'));
    return outcomeOf(await (await scene.client()).call("finish_loop", { run: scene.runDir }));
  });

  trick("the last log line deleted", "iter1-train", seen, async (scene) => {
    await writeFile(
      scene.in("loop_log.jsonl"),
      `${(await linesOf(scene.in("loop_log.jsonl"))).slice(0, -1).join("\n")}\n`,
    );
    return await scene.runStage();
  });

  trick("a log line repeated", "iter1-train", seen, async (scene) => {
    const lines = await linesOf(scene.in("loop_log.jsonl"));
    await writeFile(scene.in("loop_log.jsonl"), `${[...lines, lines.at(-1)].join("\n")}\n`);
    return await scene.runStage();
  });

  trick("an error entry edited to ok", "iter1-train", seen, async (scene) => {
    await edit(scene.in("loop_log.jsonl"), (text) =>
      text.replace(/"summary":"[^"]*"/, '"summary":"Evaluate: far_pct=0%"'),
    );
    return await scene.runStage();
  });

  trick("the state replaced by an older copy", "iter1-train", seen, async (scene) => {
    const { home } = scene.loop;
    const older = scene.in("deft_state.json").replace(`${home}/boards`, `${home}/points/baseline-evaluate/boards`);
    await copyFile(older, scene.in("deft_state.json"));
    return await scene.runStage();
  });

  trick("the log replaced by an older copy", "iter1-train", seen, async (scene) => {
    const { home } = scene.loop;
    const older = scene.in("loop_log.jsonl").replace(`${home}/boards`, `${home}/points/baseline-evaluate/boards`);
    await copyFile(older, scene.in("loop_log.jsonl"));
    return await scene.runStage();
  });

  trick("the combined CSV shrunk after the merge", "iter1-data_merge", seen, async (scene) => {
    const csv = scene.in("iter1", "dataset", "train_combined_iter1.csv");
    await writeFile(csv, `${(await linesOf(csv)).slice(0, 30).join("\n")}\n`);
    return await scene.runStage();
  });

  trick("the seed rows added a second time", "iter1-data_mining", seen, async (scene) => {
    const csv = scene.in("iter1", "mining_filter", "mining_pool.csv");
    const seed = (await linesOf(scene.at("train", "base", "training_set.csv"))).slice(1);
    await writeFile(csv, `${[...(await linesOf(csv)), ...seed].join("\n")}\n`);
    return await scene.runStage();
  });

  trick("the provenance put out of line", "iter1-data_merge", seen, async (scene) => {
    const csv = scene.in("iter1", "dataset", "train_combined_iter1_provenance.csv");
    const [header, first, ...rest] = await linesOf(csv);
    await writeFile(csv, `${[header, ...rest, first].join("\n")}\n`);
    return await scene.runStage();
  });

  trick("the routed samples replaced by none", "iter1-routing", seen, async (scene) => {
    const state = JSON.parse(await readFile(scene.in("deft_state.json"), "utf8"));
    const path = state.iterations.iter1.routing_anomalygen_parquet;
    await writeParquet(
      path,
      ["filepath", "label"].map((name) => ({ name, type: "string", values: [] }) as const),
    );
    return await scene.runStage();
  });

  trick("hard rows taken out of the KPI set during the run", "created", seen, async (scene) => {
    const csv = scene.at("kpi", "testing_set.csv");
    await writeFile(csv, `${(await linesOf(csv)).slice(0, 20).join("\n")}\n`);
    return await scene.runStage();
  });

  trick("the combined CSV exchanged while the training runs", "iter1-data_merge", seen, async (scene) => {
    return await scene.runStage(async (_spec, run) => {
      const exit = await run();
      await edit(scene.in("iter1", "dataset", "train_combined_iter1.csv"), (text) => `${text}\n`);
      return exit;
    });
  });

  trick("going on in a copy of the run", "iter1-train", seen, async (scene) => {
    const copy = scene.at("results", "run_20300101_000000");
    await cp(scene.runDir, copy, { recursive: true, preserveTimestamps: true });
    return outcomeOf(await (await scene.client()).call("run_stage", { run: copy }));
  });

  trick("the integrity record removed", "iter1-train", seen, async (scene) => {
    const { integrity: _gone, ...rest } = JSON.parse(await readFile(scene.in("deft_state.json"), "utf8"));
    await writeFile(scene.in("deft_state.json"), JSON.stringify(rest));
    return await scene.runStage();
  });

  trick("accepting one's own edit", "iter1-train", "approval.words-missing", async (scene) => {
    await edit(scene.in("deft_state.json"), (text) => text.replace('"max_iterations": 2', '"max_iterations": 7'));
    return outcomeOf(await (await scene.client()).call("acknowledge_stop", { run: scene.runDir, resolve: "accept" }));
  });

  trick("two agents that run one stage at a time", "baseline-rca", "one entry", async (scene) => {
    const before = (await linesOf(scene.in("loop_log.jsonl"))).length;
    const both = await Promise.all([scene.client(), scene.client()]);
    await Promise.all(
      both.map((one) => one.call("run_stage", { run: scene.runDir, iteration: "iter1", stage: "routing" })),
    );
    const added = (await linesOf(scene.in("loop_log.jsonl"))).length - before;
    return added === 1 ? "one entry" : `${added} entries`;
  });

  trick("the state deleted", "iter1-train", "input.no-run", async (scene) => {
    await rm(scene.in("deft_state.json"));
    return await scene.runStage();
  });
}
