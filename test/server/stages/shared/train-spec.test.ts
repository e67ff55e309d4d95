import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parse } from "yaml";
import { Refusal } from "../../../../server/errors.ts";
import type { RunConfig } from "../../../../server/run/state.ts";
import {
  deriveInferenceSpec,
  deriveTrainingSpec,
  savingInterval,
} from "../../../../server/stages/shared/train-spec.ts";

const config = {
  workspace: "/ws",
  images_dir: "/ws/kpi/images",
  training_csv: "/ws/train/base/training_set.csv",
  validation_csv: "/ws/train/base/validation_set.csv",
  kpi_test_csv: "/ws/kpi/testing_set.csv",
  backbone_weight_dir: "/ws/augmentation/backbone",
  num_epochs: 10,
  num_gpus: 1,
  batch_size: 16,
  seed: 7,
} as RunConfig;

const base = `# header
results_dir: /results  # at launch
train:
  num_epochs: 4
  checkpoint_interval: 5
  validation_interval: 10
  optim: {lr: 1.0e-5, weight_decay: 0.010}
  tensorboard: {enabled: true, infrequent_logging_frequency: 10}
dataset:
  classify:
    train_dataset:
      csv_path: /data/datasets/NV_PCB_Siamese/csv/training_set.csv # rows
      images_dir: /data/datasets/NV_PCB_Siamese/images
    test_dataset: {csv_path: /data/datasets/NV_PCB_Siamese/kpi/testing_set.csv}
    extra: /data/workspace/a.csv
model:
  backbone:
    pretrained_backbone_path: /data/pretrained_models/C-RADIOv2_B.pth
`;

const derive = (text: string, change: Partial<RunConfig> = {}) =>
  deriveTrainingSpec(text, "base.yaml", { ...config, ...change }, (name) => `/ws/augmentation/backbone/${name}`, {
    label: "iter1",
    iteration_dir: "/ws/run/iter1",
    train_dir: "/ws/run/iter1/train",
    training_csv: "/ws/run/iter1/dataset/c.csv",
    train_images_dir: "/ws",
    pretrained_model_path: "/ws/run/baseline/train/x.pth",
  });

const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "accepted";
};

describe("a derived training spec", () => {
  it("changes what the iteration needs and keeps comments and the spelling of numbers", () => {
    expect(derive(base)).toMatchInlineSnapshot(`
"# Derived by deft-mcp: training of iter1 from base.yaml
# header
results_dir: /ws/run/iter1 # at launch
train:
  num_epochs: 10
  checkpoint_interval: 5
  validation_interval: 5
  optim: {lr: 1.0e-5, weight_decay: 0.010}
  tensorboard: {enabled: true, infrequent_logging_frequency: 9}
  results_dir: /ws/run/iter1/train
  resume_training_checkpoint_path: null
  pretrained_model_path: /ws/run/baseline/train/x.pth
  seed: 7
dataset:
  classify:
    train_dataset:
      csv_path: /ws/run/iter1/dataset/c.csv # rows
      images_dir: /ws
    test_dataset: {csv_path: /ws/kpi/testing_set.csv}
    extra: /ws/a.csv
    validation_dataset:
      csv_path: /ws/train/base/validation_set.csv
      images_dir: /ws/kpi/images
    batch_size: 16
model:
  backbone:
    pretrained_backbone_path: /ws/augmentation/backbone/C-RADIOv2_B.pth
"
`);
  });

  it("is the same when it is derived once more from itself", () => {
    const once = derive(base);
    expect(derive(once).replace(/^.*\n/, "")).toBe(once.replace(/^.*\n/, ""));
  });

  it.each([
    ["dataset.classify.extra", "/results/other.csv"],
    ["dataset.classify.extra", "/etc/passwd"],
    ["dataset.classify.extra", "/ws/../etc/passwd"],
    ["dataset.classify.extra", "../../etc/passwd"],
    ["dataset.classify.extra", `$${"{oc.env:HOME}"}/x`],
    ["model.backbone.pretrained_backbone_path", "https://example.com/x.pth"],
  ])("is refused when %s is %s", (key, value) => {
    const name = key.split(".").at(-1) ?? "";
    const text = base.replace(new RegExp(`(${name}: ).*`), `$1"${value.replace("$", "$$$$")}"`);
    expect(codeOf(() => derive(text))).toBe("gate.path-outside-workspace");
  });

  it.each([
    ["results_dir: /results", "results_dir: /results/"],
    ["/data/workspace/a.csv", `$${"{results_dir}"}/a.csv`],
  ])("accepts %s written as %s", (from, to) => {
    expect(codeOf(() => derive(base.replace(from, () => to)))).toBe("accepted");
  });

  it("is refused when a key leads through a value", () => {
    expect(codeOf(() => derive(base.replace(/train:\n(?: {2}.*\n)+/, "train: 3\n")))).toBe("input.bad-spec");
  });

  it("is refused for broken YAML", () => {
    expect(codeOf(() => derive("a: [1\nb: 2"))).toBe("input.bad-yaml");
  });

  it.each([
    [10, 5, 5],
    [12, 5, 4],
    [7, 5, 1],
    [3, 5, 3],
    [1, 5, 1],
    [10, 0, 1],
  ])("saves and validates %i epochs asked every %i at every %i", (epochs, asked, interval) => {
    const { train } = parse(
      derive(base.replace("checkpoint_interval: 5", `checkpoint_interval: ${asked}`), { num_epochs: epochs }),
    );
    expect(train).toMatchObject({ num_epochs: epochs, checkpoint_interval: interval, validation_interval: interval });
  });

  it("always saves the last epoch, and no rarer than asked", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }), (epochs, asked) => {
        const interval = savingInterval(epochs, asked);
        return epochs % interval === 0 && interval <= asked;
      }),
    );
  });

  it("validates every epoch when checkpoints are saved by steps", () => {
    const { train } = parse(derive(base.replace("num_epochs: 4", "checkpoint_interval_unit: step")));
    expect(train).toMatchObject({ checkpoint_interval: 5, validation_interval: 1 });
  });

  it("keeps the logging frequency below the epochs", () => {
    expect(parse(derive(base)).train.tensorboard).toEqual({ enabled: true, infrequent_logging_frequency: 9 });
    expect(parse(derive(base, { num_epochs: 1 })).train.tensorboard.enabled).toBe(false);
  });

  it("names as many GPUs as the run has", () => {
    expect(parse(derive(base, { num_gpus: 2 })).train).toMatchObject({ num_gpus: 2, gpu_ids: [0, 1] });
  });
});

describe("a derived inference spec", () => {
  it("never has a batch larger than the KPI set", () => {
    const text = deriveInferenceSpec(base, "base.yaml", config, (name) => `/ws/augmentation/backbone/${name}`, {
      label: "iter1",
      iteration_dir: "/ws/run/iter1",
      csv: "/ws/kpi/testing_set.csv",
      rows: 5,
      images_dir: "/ws/images",
    });
    expect(parse(text).dataset.classify).toMatchObject({ batch_size: 5, augmentation_config: { augment: false } });
  });
});
