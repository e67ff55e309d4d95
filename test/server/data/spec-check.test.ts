import { describe, expect, test } from "@jest/globals";
import { specText } from "../../../engine/workspace/spec.ts";
import { checkSpecKeys, readingOfTao, type SpecFinding } from "../../../server/data/spec-check.ts";
import { keyLists, releaseOf } from "../../../server/data/spec-keys.ts";

const found = (text: string, release = "7.3.0"): SpecFinding[] =>
  checkSpecKeys(readingOfTao(text, "spec.yaml"), releaseOf(release));
const problemOf = (text: string, release?: string) =>
  found(text, release).map(({ key, problem }) => `${key} ${problem}`);

describe("the release that will run", () => {
  test.each([
    ["nvcr.io/nvidia/tao/tao-toolkit:7.1.0-pyt", "7.1", true],
    ["localhost:5000/tao-toolkit:7.0.1-pyt@sha256:0123", "7.0", true],
    ["7.3.0", "7.3", true],
    ["7.2.0", "7.2", true],
    ["nvcr.io/nvidia/tao/tao-toolkit:7.9.0-pyt", "7.3", false],
    ["nvcr.io/nvidia/tao/tao-toolkit:6.0.0-pyt", "7.3", false],
    ["registry:5000/aoi/train:latest", "7.3", false],
    ["tao@sha256:7.1", "7.3", false],
    [undefined, "7.3", false],
  ])("%s is %s, known: %s", (named, release, known) => {
    expect(releaseOf(named)).toMatchObject({ release, known });
  });

  test("each list is of the sections that a classify spec has", () => {
    for (const { sections, keys, metrics } of keyLists) {
      expect(sections).toMatchObject({
        "": "ExperimentConfig",
        train: "CNTrainExpConfig",
        evaluate: "CNEvalExpConfig",
      });
      expect(keys["train.num_epochs"]).toEqual({ type: "int", default: 10 });
      expect(keys["evaluate.checkpoint"]).toEqual({ type: "str", mandatory: true });
      expect(metrics).toContain("val_loss");
    }
    expect(keyLists.map(({ metrics }) => metrics.includes("val_far"))).toEqual([false, false, true]);
  });
});

describe("the keys of a spec", () => {
  test.each(keyLists.map(({ releases }) => releases.at(-1) ?? ""))("the spec of `init` fits %s", (release) => {
    expect(found(specText("made here"), release)).toEqual([]);
  });

  test("an unknown key comes with the nearest one of its section", () => {
    expect(found("dataset: {classify: {batch_sise: 8}}")).toEqual([
      {
        key: "dataset.classify.batch_sise",
        problem: "is no key of TAO 7.3; the nearest is batch_size",
        weight: "halt",
        nearest: "dataset.classify.batch_size",
      },
    ]);
  });

  test.each([
    ["7.0", ["train.checkpointer is new in TAO 7.1; 7.0 refuses it"]],
    ["7.1", []],
    ["7.3", []],
  ])("a key of a later release, on %s", (release, expected) => {
    expect(problemOf("train: {checkpointer: {enable_topk: true}}", release)).toEqual(expected);
  });

  test("keys of other networks are told from misspelt ones", () => {
    expect(problemOf("train: {distributed_strategy: ddp}\nprune: {}")).toEqual([
      "train.distributed_strategy is of another release or network; TAO 7.3 refuses it",
      "prune is of another release or network; TAO 7.3 refuses it",
    ]);
  });

  test.each([
    ["train: {num_epochs: 1.5}", "train.num_epochs must be a whole number, not 1.5"],
    ["train: {num_epochs: 2.0}", "train.num_epochs must be a whole number, written without a fraction"],
    ["train: {gpu_ids: [0, 1e0]}", "train.gpu_ids must be a list (int), written without a fraction"],
    [
      "dataset: {classify: {input_map: {1: 0}}}",
      "dataset.classify.input_map.1 has a number for a name; put it in quotes",
    ],
    ["dataset: {classify: {input_map: {A: null}}}", 'dataset.classify.input_map must be a mapping, not {"A":null}'],
    ["train: {num_epochs: ten}", 'train.num_epochs must be a whole number, not "ten"'],
    ["train: {num_epochs: null}", "train.num_epochs is empty; TAO needs a whole number"],
    ["train: {num_epochs: true}", "train.num_epochs must be a whole number, not true"],
    ["train: {optim: {lr: [1]}}", "train.optim.lr must be a number, not [1]"],
    ["train: {cudnn: {benchmark: perhaps}}", 'train.cudnn.benchmark must be true or false, not "perhaps"'],
    ["train: {classify: {cls_weight: 1}}", "train.classify.cls_weight must be a list (float), not 1"],
    ["dataset: {classify: {grid_map: {x: two}}}", 'dataset.classify.grid_map must be a mapping, not {"x":"two"}'],
    ["train: 3", "train must be a section"],
    ["model:", "model is empty"],
    [
      "dataset: {classify: {train_dataset: {csv_path: ???}}}",
      "dataset.classify.train_dataset.csv_path is ???, which stands for a value that is still to be given",
    ],
    [
      "model: {backbone: {type: c_radio_v2_vit_base_patch16}}",
      'model.backbone.type is "c_radio_v2_vit_base_patch16", which TAO does not know; the nearest is c_radio_v2_vit_base_patch16_224',
    ],
  ])("%s is refused", (text, problem) => {
    expect(problemOf(text)).toEqual([problem]);
  });

  test.each([
    'train: {num_epochs: "10"}',
    "train: {optim: {lr: 1e-4}}",
    "train: {cudnn: {benchmark: yes}}",
    "train: {resume_training_checkpoint_path: null}",
    "train: {num_epochs: '${x.y}'}",
    "dataset: {segment: {whatever: 1}}",
    "encryption_key: 3",
    "train: {tensorboard: null}",
    "train: {optim: {lr: .inf}}",
    "train: {optim: {lr: 1}}",
    "evaluate: {checkpoint: ???}",
  ])("%s merges", (text) => {
    expect(problemOf(text)).toEqual([]);
  });

  test.each([
    ["train: {num_epochs: 010}", "train.num_epochs is 8 to TAO, which reads YAML 1.1, and 10 to others"],
    ["train: {num_epochs: 1_0}", "train.num_epochs is 10 to TAO, which reads YAML 1.1, and 1_0 to others"],
    ["train: {num_epochs: 1:30}", "train.num_epochs is 90 to TAO, which reads YAML 1.1, and 1:30 to others"],
  ])("%s is another number to YAML 1.1", (text, problem) => {
    expect(problemOf(text)).toContain(problem);
  });

  test("a value that is merely unlisted is a warning", () => {
    expect(found("train: {optim: {policy: lineer}}")).toEqual([
      {
        key: "train.optim.policy",
        problem: 'is "lineer", which TAO does not know; the nearest is linear',
        weight: "warning",
      },
    ]);
  });
});
