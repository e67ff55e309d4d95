import { execFileSync } from "node:child_process";
import { copyFile, cp, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeParquet } from "../../../server/data/parquet.ts";
import { edit, linesOf, outcomeOf, type Scene, type Trick } from "../scene.ts";

const seen = "state.tampered";

async function inferenceOf(scene: Scene): Promise<string> {
  return JSON.parse(await readFile(scene.in("deft_state.json"), "utf8")).iterations.iter1.inference_csv;
}

/** Puts the run directory, state, log, jobs and all, back to how it was at a point; nothing else changes. */
async function putBack(scene: Scene, point: string): Promise<void> {
  const { home } = scene.loop;
  await rm(scene.runDir, { recursive: true });
  const older = scene.runDir.replace(`${home}/boards`, `${home}/points/${point}/boards`);
  await cp(older, scene.runDir, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
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

  trick("two agents that run one stage at a time", "baseline-rca", "one entry", async (scene) => {
    const before = (await linesOf(scene.in("loop_log.jsonl"))).length;
    const both = await Promise.all([scene.client(), scene.client()]);
    await Promise.all(
      both.map((one) => one.call("run_stage", { run: scene.runDir, iteration: "iter1", stage: "routing" })),
    );
    const added = (await linesOf(scene.in("loop_log.jsonl"))).length - before;
    return added === 1 ? "one entry" : `${added} entries`;
  });

  const back: [string, Record<string, unknown>][] = [
    ["run_stage", {}],
    ["log_stage", { iteration: "iter1", stage: "routing", status: "ok" }],
    ["finish_loop", { stop_reason: "max_iterations" }],
  ];
  for (const [tool, args] of back) {
    trick(`the whole run put back to an older copy before ${tool}`, "iter1-evaluate", seen, async (scene) => {
      await putBack(scene, tool === "finish_loop" ? "iter1-train" : "baseline-rca");
      const code = outcomeOf(await (await scene.client()).call(tool, { run: scene.runDir, ...args }));
      const status = await (await scene.client()).result("loop_status", { run: scene.runDir });
      return String(status.integrity).includes("older copy") ? code : String(status.integrity);
    });
  }

  trick("the same with the kept head deleted", "iter1-evaluate", seen, async (scene) => {
    await putBack(scene, "iter1-train");
    await rm(join(scene.loop.home, "state", "deft-mcp", "heads"), { recursive: true });
    return await scene.runStage();
  });

  trick("a second value for a key of the state", "iter1-train", seen, async (scene) => {
    await edit(scene.in("deft_state.json"), (text) => text.replace(/\n}\s*$/, ',\n  "max_iterations": 9\n}\n'));
    return await scene.runStage();
  });

  const damaged = "state.corrupt";
  trick("a number written as text in the state", "iter1-train", damaged, async (scene) => {
    await edit(scene.in("deft_state.json"), (text) => text.replace('"max_iterations": 2', '"max_iterations": "2"'));
    return await scene.runStage();
  });

  trick("a number written as text in the log", "iter1-train", damaged, async (scene) => {
    await edit(scene.in("loop_log.jsonl"), (text) => text.replace('"seq":2', '"seq":"2"'));
    return await scene.runStage();
  });

  trick("a byte order mark before the log", "iter1-train", damaged, async (scene) => {
    await edit(scene.in("loop_log.jsonl"), (text) => `\ufeff${text}`);
    return await scene.runStage();
  });

  for (const [what, put] of [
    ["a pipe", (path: string) => void execFileSync("mkfifo", [path])],
    ["a directory", mkdir],
  ] as const) {
    for (const [name, code] of [
      ["deft_state.json", "input.no-run"],
      ["loop_log.jsonl", "input.unreadable-file"],
    ] as const) {
      trick(`${what} in place of ${name}`, "iter1-train", code, async (scene) => {
        await rm(scene.in(name));
        await put(scene.in(name));
        const one = await scene.client();
        await one.call("loop_status");
        await one.call("preflight", { ...scene.loop.request });
        return outcomeOf(await one.call("run_stage", { run: scene.runDir }));
      });
    }
  }

  trick("the workspace moved while the loop runs", "iter1-train", seen, async (scene) => {
    await rename(scene.at(), `${scene.at()}-moved`);
    try {
      const one = await scene.client();
      const run = scene.runDir.replace(scene.at(), `${scene.at()}-moved`);
      return outcomeOf(await one.call("run_stage", { run }));
    } finally {
      await rm(`${scene.at()}-moved`, { recursive: true });
    }
  });

  trick("a pinned CSV exchanged for a link to the same rows outside", "created", seen, async (scene) => {
    const csv = scene.at("train", "base", "training_set.csv");
    await rename(csv, `${scene.loop.home}/rows.csv`);
    await symlink(`${scene.loop.home}/rows.csv`, csv);
    return await scene.runStage();
  });

  trick("a log line put into the state as pending", "iter1-train", "not taken in", async (scene) => {
    const lines = await linesOf(scene.in("loop_log.jsonl"));
    const forged = { ...JSON.parse(lines.at(-1) ?? ""), seq: lines.length + 1, stage: "evaluate" };
    await edit(scene.in("deft_state.json"), (text) =>
      text.replace(/\n}\s*$/, `,\n  "pending": ${JSON.stringify(forged)}\n}\n`),
    );
    await scene.runStage();
    const log = await linesOf(scene.in("loop_log.jsonl"));
    return log.includes(JSON.stringify(forged)) ? "taken in" : "not taken in";
  });

  trick("the state deleted", "iter1-train", "input.no-run", async (scene) => {
    await rm(scene.in("deft_state.json"));
    return await scene.runStage();
  });
}
