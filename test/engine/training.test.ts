import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { SEEN_TO } from "../../engine/warm-cache.ts";
import { readTable } from "../../server/data/csv.ts";
import { runEntry, writeWorkspace } from "./support.ts";

const train = (spec: string, ...overrides: string[]) =>
  runEntry(["visual_changenet", "train", "-e", spec, ...overrides]);
const statusLines = (directory: string) =>
  readFileSync(join(directory, "status.json"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("visual_changenet train", () => {
  it("leaves checkpoints under TAO's names, the latest link and a truthful status.json", async () => {
    const { spec, run } = writeWorkspace();
    const result = await train(spec);
    expect(result.stderr).toContain("Execution status: PASS");
    expect(result.code).toBe(0);
    const files = readdirSync(join(run, "train"));
    expect(files.filter((name) => name.startsWith("model_epoch"))).toEqual([
      "model_epoch_002_step_00018.pth",
      "model_epoch_005_step_00036.pth",
    ]);
    expect(readlinkSync(join(run, "train", "changenet_model_classify_latest.pth"))).toBe(
      "model_epoch_005_step_00036.pth",
    );
    const lines = statusLines(join(run, "train"));
    expect(lines[0]).toMatchObject({ status: "STARTED", message: "Starting Visual ChangeNet train." });
    expect(lines.at(-1)).toMatchObject({ status: "RUNNING", message: "Train finished successfully." });
    expect(lines.filter((line) => line.message === "Training loop in progress").map((line) => line.epoch)).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    expect(readFileSync(join(run, "train", "experiment.yaml"), "utf8")).toContain("num_epochs: 6");
  });

  it("refuses more rows than it may hold before it looks at an image", async () => {
    const { folder, spec } = writeWorkspace();
    rmSync(join(folder, "images"), { recursive: true });
    process.env.DEFT_TABLE_ROWS = "5";
    try {
      const { code, stderr } = await train(spec);
      expect(stderr).toContain("has more than 5 rows, and this step holds all of them");
      expect(code).toBe(1);
    } finally {
      delete process.env.DEFT_TABLE_ROWS;
    }
  });

  it("gives the same bytes for the same seed and others for another", async () => {
    const { folder, spec } = writeWorkspace();
    const weights = async (name: string, seed: number) => {
      await train(spec, `train.results_dir=${folder}/${name}`, `train.seed=${seed}`);
      return readFileSync(join(folder, name, "model_epoch_005_step_00036.pth"), "utf8");
    };
    const first = await weights("a", 7);
    expect(await weights("b", 7)).toBe(first);
    expect(await weights("c", 8)).not.toBe(first);
  });

  it("starts from the named weights when warm-started, so that one epoch keeps what was learned", async () => {
    const { folder, spec, run } = writeWorkspace();
    await train(spec, "train.num_epochs=12");
    const warm = `train.pretrained_model_path=${run}/train/changenet_model_classify_latest.pth`;
    const once = ["train.num_epochs=1", "train.checkpoint_interval=1", "train.validation_interval=1"];
    await train(spec, ...once, warm, `train.results_dir=${folder}/warm`);
    await train(spec, ...once, `train.results_dir=${folder}/cold`);
    const loss = (name: string) =>
      statusLines(join(folder, name)).find((line) => line.message === "Train metrics generated.").kpi.train_loss;
    expect(loss("warm")).toBeLessThan(loss("cold"));
    expect(readdirSync(join(folder, "warm"))).toContain("model_epoch_000_step_00006.pth");
  });

  it("resumes from a latest checkpoint that lies in its directory and then trains nothing new", async () => {
    const { spec, run } = writeWorkspace();
    await train(spec);
    const before = readdirSync(join(run, "train"));
    const again = await train(spec);
    expect(again.code).toBe(0);
    expect(readdirSync(join(run, "train"))).toEqual(before);
    expect(statusLines(join(run, "train")).map((line) => line.message)).toContain(
      `Resuming training from checkpoint: ${run}/train/changenet_model_classify_latest.pth`,
    );
    const shorter = await train(spec, "train.num_epochs=3");
    expect(shorter.stderr).toContain("MisconfigurationException: You restored a checkpoint with current_epoch=6");
  });
});

describe("what training refuses", () => {
  const cases: [string, string[], string][] = [
    [
      "checkpoint interval above epochs",
      ["train.checkpoint_interval=9"],
      "AssertionError: Checkpoint interval 9 > Number of epochs 6",
    ],
    [
      "validation interval above epochs",
      ["train.validation_interval=7"],
      "AssertionError: Validation interval 7 > Number of epochs 6",
    ],
    ["batch of one", ["dataset.classify.batch_size=1"], "AssertionError: Training batch size must be greater than 1."],
    [
      "batch above the rows",
      ["dataset.classify.batch_size=64"],
      "ValueError: Dataset size (4) is smaller than the total batch size (64). Not enough data for train.",
    ],
    [
      "loss against module",
      ["train.classify.loss=contrastive"],
      "AssertionError: Contrastive loss only supports Euclidean distance module",
    ],
    ["unknown override", ["train.learning=1"], "Could not override 'train.learning'"],
  ];
  it.each(cases)("%s", async (_, overrides, text) => {
    const { spec } = writeWorkspace({ rows: 4 });
    const result = await train(spec, ...overrides);
    expect(result.stderr).toContain(text);
    expect(result.stderr).toContain("Execution status: FAIL");
    expect(result.code).toBe(1);
  });

  it("a set without defects divides by zero, one without PASS has no distribution, as in TAO", async () => {
    const good = writeWorkspace({ defectEvery: 0, rows: 6 });
    expect((await train(good.spec)).stderr).toContain("ZeroDivisionError: division by zero");
    const bad = writeWorkspace({ defectEvery: 1, rows: 6 });
    const result = await train(bad.spec);
    expect(result.stderr).toContain("RuntimeError: invalid multinomial distribution (sum of probabilities <= 0)");
    expect(statusLines(join(bad.run, "train")).some((line) => line.status === "FAILURE")).toBe(false);
  });

  it("a missing image is named, on stderr and in status.json", async () => {
    const { folder, spec, run } = writeWorkspace();
    const csv = join(folder, "train.csv");
    writeFileSync(csv, `${readFileSync(csv, "utf8")}test,golden,PASS,absent\n`);
    const result = await train(spec);
    const text = `Image file wasn't found at ${folder}/images/test/absent_SolderLight.jpg`;
    expect(result.stderr).toContain(`FileNotFoundError: ${text}`);
    expect(statusLines(join(run, "train")).at(-1)).toMatchObject({
      status: "FAILURE",
      message: `File system error: ${text}`,
    });
  });

  it("one lighting of two is missing", async () => {
    const { spec, folder } = writeWorkspace({ lights: ["SolderLight", "WhiteLight"], rows: 6 });
    const whole = await train(spec);
    expect(whole.code).toBe(0);
    rmSync(join(folder, "images", "golden", "train3_WhiteLight.jpg"));
    const result = await train(spec, `train.results_dir=${folder}/again`);
    expect(result.stderr).toContain("golden/train3_WhiteLight.jpg");
    expect(result.code).toBe(1);
  });

  it("a spec without -e, a missing spec and an unknown key", async () => {
    const { spec, folder } = writeWorkspace({ rows: 4 });
    expect((await runEntry(["visual_changenet", "train"])).stderr).toContain(
      "ERROR: The subtask `train` requires the following argument: -e/--experiment_spec_file",
    );
    expect((await train(`${folder}/none.yaml`)).stderr).toContain(
      `ERROR: The indicated experiment spec file \`${folder}/none.yaml\` doesn't exist!`,
    );
    writeFileSync(spec, `${readFileSync(spec, "utf8")}workflow: auto\n`);
    expect((await train(spec)).stderr).toContain(
      "Error merging 'spec.yaml' with schema: Key 'workflow' not in 'ExperimentConfig'",
    );
  });
});

describe("visual_changenet inference and evaluate", () => {
  it("scores every row behind its own columns and ranks defects above good parts", async () => {
    const { folder, spec, run } = writeWorkspace();
    await train(spec);
    const result = await runEntry([
      ...["visual_changenet", "inference", "-e", spec, `inference.results_dir=${folder}/scored`],
      `inference.checkpoint=${run}/train/model_epoch_005_step_00036.pth`,
    ]);
    expect(result.code).toBe(0);
    const { header, rows } = await readTable(join(folder, "scored", "inference.csv"));
    expect(header).toEqual(["input_path", "golden_path", "label", "object_name", "siamese_score"]);
    expect(rows).toHaveLength(18);
    const scores = (label: string) => rows.filter((row) => row[2] === label).map((row) => Number(row[4]));
    expect(Math.min(...scores("bridge"))).toBeGreaterThan(Math.max(...scores("PASS")));
    expect(rows.every((row) => /^(0\.\d{1,10}|1\.0|0\.0|\d\.?\d*e-\d\d)$/.test(row[4] ?? ""))).toBe(true);
  });

  it("scores more rows than are read at a time like each alone", async () => {
    const { folder, spec, run } = writeWorkspace();
    await train(spec);
    const scored = async (name: string) => {
      const result = await runEntry([
        ...["visual_changenet", "inference", "-e", spec, `inference.results_dir=${folder}/${name}`],
        `inference.checkpoint=${run}/train/model_epoch_005_step_00036.pth`,
      ]);
      expect(result.code).toBe(0);
      return (await readTable(join(folder, name, "inference.csv"))).rows.map((row) => row.join(","));
    };
    const once = await scored("once");
    const csv = join(folder, "kpi.csv");
    const [header, ...rows] = readFileSync(csv, "utf8").trim().split("\n");
    const times = Math.ceil((1.1 * SEEN_TO) / rows.length);
    writeFileSync(csv, `${[header, ...Array(times).fill(rows).flat()].join("\n")}\n`);
    expect(await scored("often")).toEqual(Array(times).fill(once).flat());
  });

  it("evaluate reports TAO's own figures at the margin", async () => {
    const { folder, spec, run } = writeWorkspace();
    await train(spec);
    const result = await runEntry([
      ...["visual_changenet", "evaluate", "-e", spec, `evaluate.results_dir=${folder}/evaluated`],
      `evaluate.checkpoint=${run}/train/changenet_model_classify_latest.pth`,
    ]);
    expect(result.stdout).toMatch(/Tot Comp 12 Total Accuracy [\d.]+ False Negative/);
    const line = statusLines(join(folder, "evaluated")).find((one) => one.message === "Test metrics generated.");
    expect(Object.keys(line.kpi)).toEqual(["test_acc", "test_fpr", "test_fnr", "defect_acc"]);
  });

  it("another program's checkpoint is not taken, and the template's results_dir trap is kept", async () => {
    const { folder, spec } = writeWorkspace({ rows: 6 });
    mkdirSync(join(folder, "w"));
    writeFileSync(join(folder, "w", "x.pth"), "PK\u0003\u0004");
    const foreign = await runEntry([
      "visual_changenet",
      "inference",
      "-e",
      spec,
      `inference.checkpoint=${folder}/w/x.pth`,
    ]);
    expect(foreign.stderr).toContain("is not a checkpoint of the embedded engine");
    const trap = await runEntry(["visual_changenet", "inference", "-e", spec]);
    expect(trap.stderr).toContain(`${folder}/run/inference/train/changenet_model_classify_latest.pth`);
  });
});
