import { copyFile, cp, link, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeParquet } from "../../../server/data/parquet.ts";
import { noteOutput } from "../../../server/exec/job-output.ts";
import type { JobExit, JobSpec } from "../../../server/run/job.ts";
import { runPaths } from "../../../server/run/paths.ts";
import type { Stand } from "../../support/engine-here.ts";
import { edit, linesOf, outcomeOf, type Scene, type Trick } from "../scene.ts";

const ok: JobExit = { outcome: "exited", exit_code: 0 };
const noEvidence = "stage.evidence-missing";
const noCheckpoint = "stage.no-new-checkpoint";

/** Runs the real job, then spoils what it left. */
const after =
  (program: string, spoil: (spec: JobSpec) => Promise<unknown>): Stand =>
  async (spec, run) => {
    const exit = await run();
    if (spec.argv.some((part) => part.includes(program))) await spoil(spec);
    return exit;
  };

/** Runs the real job and, when its end is known, changes what it left before a client asks again. */
const afterTheEnd = (scene: Scene, program: string, change: (spec: JobSpec) => Promise<unknown>): Stand =>
  after(program, async (spec) => {
    await noteOutput(runPaths(scene.runDir).jobRecord(spec.id), spec, {});
    await change(spec);
  });

/** Leaves files in the job's place and says that it went well. */
const instead =
  (leave: (spec: JobSpec) => Promise<unknown>): Stand =>
  async (spec) => {
    await leave(spec);
    return ok;
  };

async function sayPass(spec: JobSpec): Promise<void> {
  await writeFile(spec.log_path, "Execution status: PASS\n");
}

async function leaveStatus(spec: JobSpec, lines: readonly object[]): Promise<void> {
  const started = { status: "STARTED", message: "Starting Visual ChangeNet train." };
  const text = [started, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
  await writeFile(join(spec.workdir, "status.json"), text);
  const iterationDir = dirname(spec.workdir);
  await copyFile(join(iterationDir, `${basename(iterationDir)}_spec.yaml`), join(spec.workdir, "experiment.yaml"));
  await sayPass(spec);
}

const finished = { status: "RUNNING", message: "Train finished successfully." };
const anEpoch = { status: "RUNNING", message: "Training loop in progress", epoch: 0 };

async function aCheckpointOf(scene: Scene, iteration: string): Promise<string> {
  const names = await readdir(scene.in(iteration, "train"));
  return scene.in(iteration, "train", names.filter((name) => /^model_epoch.*\.pth$/.test(name)).sort()[0] ?? "");
}

async function logOk(scene: Scene, iteration: string, stage: string): Promise<string> {
  return outcomeOf(
    await (await scene.client()).call("log_stage", { run: scene.runDir, iteration, stage, status: "ok" }),
  );
}

/** Ways to pass off what was not trained, measured or generated. */
/** The inspected image of a KPI row, the golden one of the first and that of the last row. */
async function kpiImages(scene: Scene): Promise<[first: string, golden: string, last: string]> {
  const [header = "", ...lines] = await linesOf(scene.at("kpi", "testing_set.csv"));
  const names = header.split(",");
  const image = (line: string | undefined, side: string) => {
    const cells = (line ?? "").split(",");
    const cell = (name: string) => cells[names.indexOf(name)] ?? "";
    return scene.at("kpi", "images", cell(side), `${cell("object_name")}_SolderLight.jpg`);
  };
  return [image(lines[0], "input_path"), image(lines[0], "golden_path"), image(lines.at(-1), "input_path")];
}

const tampered = "state.tampered";

export function evidenceTricks(trick: Trick): void {
  const swaps: [string, (images: [string, string, string]) => Promise<unknown>][] = [
    ["for another", ([first, , last]) => copyFile(last, first)],
    ["for its golden one, by a hard link", ([first, golden]) => rm(first).then(() => link(golden, first))],
    ["for a link to another", ([first, , last]) => rm(first).then(() => symlink(last, first))],
    ["for none", ([first]) => rm(first)],
  ];
  for (const [how, swap] of swaps) {
    trick(`a KPI image exchanged ${how} before it is scored`, "baseline-train", tampered, async (scene) => {
      await swap(await kpiImages(scene));
      return await scene.runStage();
    });
  }

  trick(
    "a golden KPI image exchanged in bytes of the same size and time",
    "baseline-train",
    tampered,
    async (scene) => {
      const [, golden] = await kpiImages(scene);
      const { atime, mtime } = await stat(golden);
      const bytes = await readFile(golden);
      bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
      await writeFile(golden, bytes);
      await utimes(golden, atime, mtime);
      return await scene.runStage();
    },
  );

  trick("a KPI image exchanged while it is scored", "baseline-train", tampered, async (scene) => {
    const [first, , last] = await kpiImages(scene);
    return await scene.runStage(after("inference", () => copyFile(last, first)));
  });

  trick(
    "KPI images that were merely touched and copied back are no alarm",
    "baseline-train",
    "passed",
    async (scene) => {
      const [first, golden] = await kpiImages(scene);
      await utimes(first, 1, 1);
      const bytes = await readFile(golden);
      await rm(golden);
      await writeFile(golden, bytes);
      return await scene.runStage();
    },
  );

  trick("accepting one's own exchange of KPI images", "baseline-train", "approval.words-missing", async (scene) => {
    const [first, , last] = await kpiImages(scene);
    await copyFile(last, first);
    return outcomeOf(await (await scene.client()).call("acknowledge_stop", { run: scene.runDir, resolve: "accept" }));
  });

  trick("logging ok for a stage that never ran", "created", noEvidence, (scene) => logOk(scene, "baseline", "train"));

  trick("logging ok with another iteration's artifacts", "iter1-data_merge", noEvidence, async (scene) => {
    await cp(scene.in("baseline", "train"), scene.in("iter1", "train"), { recursive: true, preserveTimestamps: true });
    return await logOk(scene, "iter1", "train");
  });

  trick("logging ok with another run's artifacts", "iter1-data_merge", noEvidence, async (scene) => {
    const other = scene.at("results", "run_20300101_000000");
    await cp(scene.runDir, other, { recursive: true });
    await cp(join(other, "baseline", "train"), scene.in("iter1", "train"), { recursive: true });
    return await logOk(scene, "iter1", "train");
  });

  trick("touching old files so that they look new", "iter1-data_merge", noEvidence, async (scene) => {
    await cp(scene.in("baseline", "train"), scene.in("iter1", "train"), { recursive: true });
    for (const name of await readdir(scene.in("iter1", "train"))) {
      await utimes(scene.in("iter1", "train", name), new Date(), new Date()).catch(() => undefined);
    }
    return await logOk(scene, "iter1", "train");
  });

  trick("dating the attempt back so that old files count", "iter1-data_merge", noEvidence, async (scene) => {
    const stand = instead(async (spec) => {
      const jobs = await readdir(scene.in("jobs"));
      const attempt = jobs.find((name) => name.startsWith("iter1-train") && name.endsWith(".attempt")) ?? "";
      await edit(scene.in("jobs", attempt), (text) =>
        text.replace(/"started_at": "[^"]+"/, '"started_at": "1970-01-01T00:00:00Z"'),
      );
      await cp(scene.in("baseline", "train"), spec.workdir, { recursive: true, preserveTimestamps: true });
    });
    return await scene.runStage(stand);
  });

  trick("copying the baseline's checkpoint as the iteration's", "iter1-data_merge", noCheckpoint, async (scene) => {
    const from = await aCheckpointOf(scene, "baseline");
    const stand = instead(async (spec) => {
      await leaveStatus(spec, [anEpoch, finished]);
      await copyFile(from, join(spec.workdir, "model_epoch_000_step_00001.pth"));
    });
    return await scene.runStage(stand);
  });

  trick("passing a training of no step", "iter1-data_merge", noCheckpoint, async (scene) => {
    const stand = instead(async (spec) => {
      await leaveStatus(spec, [finished]);
      await writeFile(join(spec.workdir, "model_epoch_000_step_00001.pth"), "new weights");
    });
    return await scene.runStage(stand);
  });

  trick("exit 0 with a FAILURE in status.json", "iter1-data_merge", /^(stage\.failed|job\.)/, async (scene) => {
    const stand = instead(async (spec) => {
      await leaveStatus(spec, [anEpoch, { status: "FAILURE", message: "CUDA error" }]);
      await writeFile(join(spec.workdir, "model_epoch_000_step_00001.pth"), "new weights");
    });
    return await scene.runStage(stand);
  });

  trick("exit 0 with FAIL in the log", "iter1-data_merge", /^(stage\.failed|job\.)/, async (scene) => {
    return await scene.runStage(after("train", (spec) => writeFile(spec.log_path, "Execution status: FAIL\n")));
  });

  trick("exit 0 with nothing written", "iter1-data_merge", noEvidence, (scene) => scene.runStage(instead(sayPass)));

  trick("training by another spec than the planned one", "iter1-data_merge", noEvidence, async (scene) => {
    const stand: Stand = async (_spec, run) => {
      await edit(scene.in("iter1", "iter1_spec.yaml"), (text) => text.replace("lr: 1.0e-5", "lr: 2.0e-5"));
      return await run();
    };
    return await scene.runStage(stand);
  });

  trick("recording another job than the planned one", "iter1-anomalygen", noEvidence, (scene) =>
    scene.runStage(
      after("nearest_neighbors", async () => {
        const records = await readdir(scene.in("jobs"));
        const record = records.find((name) => name.endsWith("-target_embeddings.json")) ?? "";
        await edit(scene.in("jobs", record), (text) => text.replace("target_embeddings.log", "other.log"));
      }),
    ),
  );

  trick("rows removed from the inference", "iter1-train", "gate.silent-drop", (scene) =>
    scene.runStage(
      after("inference", async (spec) => {
        const csv = join(spec.workdir, "inference.csv");
        await writeFile(csv, `${(await linesOf(csv)).slice(0, -3).join("\n")}\n`);
      }),
    ),
  );

  trick("an inference of a header alone", "iter1-train", "input.bad-csv", (scene) =>
    scene.runStage(
      after("inference", async (spec) => {
        const csv = join(spec.workdir, "inference.csv");
        await writeFile(csv, `${(await linesOf(csv))[0]}\n`);
      }),
    ),
  );

  trick("an easy row put in a hard row's place", "iter1-train", noEvidence, (scene) =>
    scene.runStage(
      after("inference", async (spec) => {
        const csv = join(spec.workdir, "inference.csv");
        const lines = await linesOf(csv);
        await writeFile(csv, `${[...lines.slice(0, -1), lines[1]].join("\n")}\n`);
      }),
    ),
  );

  trick("the baseline's inference as the iteration's", "iter1-train", noEvidence, async (scene) => {
    const kinds = await readdir(scene.in("baseline", "inference"));
    const kind = kinds.find((name) => name === "latest" || name === "best_val") ?? "";
    return await scene.runStage(
      after("inference", (spec) =>
        copyFile(scene.in("baseline", "inference", kind, "inference.csv"), join(spec.workdir, "inference.csv")),
      ),
    );
  });

  trick("scores that are no numbers", "iter1-train", "metric.score-not-finite", (scene) =>
    scene.runStage(
      after("inference", (spec) =>
        edit(join(spec.workdir, "inference.csv"), (text) => text.replace(/,[0-9.e-]+\n$/, ",nan\n")),
      ),
    ),
  );

  trick("logging ok for an evaluate that never ran", "iter1-train", noEvidence, (scene) =>
    logOk(scene, "iter1", "evaluate"),
  );

  trick("fewer masks placed than allocated", "iter1-routing", "gate.allocation-mismatch", async (scene) =>
    scene.runStage(
      after("prep_testcase", async () => {
        const path = scene.in("iter1", "anomalygen", "testcase.jsonl");
        await writeFile(path, `${(await linesOf(path)).slice(0, -1).join("\n")}\n`);
      }),
    ),
  );

  trick("another allocation than was asked for", "iter1-routing", "gate.allocation-mismatch", async (scene) =>
    scene.runStage(
      after("prep_testcase", () =>
        edit(scene.in("iter1", "anomalygen", "allocation.json"), (text) => text.replace(/: \d+/, ": 9")),
      ),
    ),
  );

  trick("a defect image without its golden twin", "iter1-routing", "gate.silent-drop", (scene) =>
    scene.runStage(
      after("run_sdg", async () => {
        const dir = scene.in("iter1", "anomalygen", "sdg", "original_image");
        const [first] = await readdir(dir);
        await rm(join(dir, first ?? ""));
      }),
    ),
  );

  trick("a generated image that vanished", "iter1-routing", "gate.silent-drop", (scene) =>
    scene.runStage(
      after("run_sdg", async () => {
        const dir = scene.in("iter1", "anomalygen", "sdg", "reconstructed_image");
        const [first] = await readdir(dir);
        await rm(join(dir, first ?? ""));
      }),
    ),
  );

  trick("a result table of a header alone", "iter1-routing", "gate.silent-drop", (scene) =>
    scene.runStage(
      after("run_sdg", async () => {
        const csv = scene.in("iter1", "anomalygen", "sdg", "SDG_result.csv");
        await writeFile(csv, `${(await linesOf(csv))[0]}\n`);
      }),
    ),
  );

  trick("embeddings without a row", "iter1-anomalygen", noEvidence, (scene) =>
    scene.runStage(
      after("nearest_neighbors", async () => {
        const path = await inMining(scene, "source_embeddings.parquet");
        await writeParquet(path, [{ name: "filepath", type: "string", values: [] }]);
      }),
    ),
  );

  trick("mining an image that is not of the pool", "iter1-anomalygen", noEvidence, (scene) =>
    scene.runStage(
      after("nearest_neighbors", async () => {
        const [, row] = await linesOf(scene.at("kpi", "testing_set.csv"));
        const [dir, , , name] = (row ?? "").split(",");
        const values = [scene.at("kpi", "images", dir ?? "", `${name}_SolderLight.jpg`)];
        await writeParquet(await inMining(scene, "mined_raw.parquet"), [{ name: "filepath", type: "string", values }]);
      }),
    ),
  );

  trick("a file that is no parquet", "iter1-anomalygen", noEvidence, (scene) =>
    scene.runStage(after("nearest_neighbors", async () => writeFile(await inMining(scene, "mined_raw.parquet"), ""))),
  );

  const scores = (spec: JobSpec) => join(spec.workdir, "inference.csv");
  const easier = (text: string) => text.replace(/0\.\d+/, "0.0");
  trick("scores changed between the evaluation's end and its commit", "baseline-train", noEvidence, (scene) =>
    scene.runStage(afterTheEnd(scene, "inference", (spec) => edit(scores(spec), easier))),
  );

  trick("the same with the old times put back", "baseline-train", noEvidence, (scene) =>
    scene.runStage(
      afterTheEnd(scene, "inference", async (spec) => {
        const { atime, mtime } = await stat(scores(spec));
        await edit(scores(spec), easier);
        await utimes(scores(spec), atime, mtime);
      }),
    ),
  );

  trick("weights exchanged between the training's end and its commit", "iter1-data_merge", noEvidence, (scene) =>
    scene.runStage(
      afterTheEnd(scene, "train", async () => {
        await copyFile(await aCheckpointOf(scene, "baseline"), await aCheckpointOf(scene, "iter1"));
      }),
    ),
  );

  trick("weights put beside the training's own after its end", "created", noEvidence, (scene) =>
    scene.runStage(
      afterTheEnd(scene, "train", async ({ workdir }) => {
        const own = await aCheckpointOf(scene, "baseline");
        const bytes = await readFile(own);
        await writeFile(join(workdir, basename(own).replace(/\d+/, "099")), Buffer.concat([bytes, Buffer.from("x")]));
      }),
    ),
  );

  trick("the note of what the evaluation left deleted, and scores changed", "baseline-train", noEvidence, (scene) =>
    scene.runStage(
      afterTheEnd(scene, "inference", async (spec) => {
        await edit(scores(spec), easier);
        await writeFile(join(runPaths(scene.runDir).jobs, `${spec.id}.output`), "{}\n");
      }),
    ),
  );

  trick("a directory stamp that climbs out of the run", "baseline-rca", "input.invalid", async (scene) => {
    await mkdir(scene.at("elsewhere"), { recursive: true });
    const args = {
      run: scene.runDir,
      iteration: "iter1",
      stage: "routing",
      status: "ok",
      stamp: "../../../../elsewhere",
    };
    return outcomeOf(await (await scene.client()).call("log_stage", args));
  });

  trick("the report of a merge that failed", "iter1-data_merge", "state.tampered", async (scene) => {
    const report = scene.in("iter1", "dataset", "merge_validation.json");
    const said = JSON.parse(await readFile(report, "utf8"));
    await writeFile(report, JSON.stringify({ ...said, status: "failed", train_kpi_leakage_overlap_count: 3 }));
    return await scene.runStage();
  });
}

async function inMining(scene: Scene, name: string): Promise<string> {
  const [stamp] = (await readdir(scene.in("iter1", "mining_results"))).sort().reverse();
  return scene.in("iter1", "mining_results", stamp ?? "", name);
}
