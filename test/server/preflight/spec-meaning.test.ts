import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { specText } from "../../../engine/workspace/spec.ts";
import { releaseOf } from "../../../server/data/spec-keys.ts";
import { specMeaning } from "../../../server/preflight/spec-meaning.ts";

type Tree = { [key: string]: Tree | unknown };

/** The spec of `init` with other values at dotted keys; undefined takes a key away. */
function specWith(changes: Record<string, unknown>): Tree {
  const tree = parse(specText("made here")) as Tree;
  for (const [key, value] of Object.entries(changes)) {
    const way = key.split(".");
    const last = way.pop() as string;
    const section = way.reduce((at, name) => {
      at[name] ??= {};
      return at[name] as Tree;
    }, tree);
    if (value === undefined) delete section[last];
    else section[last] = value;
  }
  return tree;
}

const dataset = "dataset.classify";
const lights = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`L${at}`, at]));
const grid = (count: number, x: number, y: number) => ({
  [`${dataset}.num_input`]: count,
  [`${dataset}.input_map`]: lights(count),
  [`${dataset}.concat_type`]: "grid",
  [`${dataset}.grid_map`]: { x, y },
});

const found = (changes: Record<string, unknown>, release = "7.3") =>
  specMeaning(specWith(changes), releaseOf(release)).map(({ key, weight, problem }) => `${weight} ${key} ${problem}`);

describe("what a spec means to TAO", () => {
  test("the spec of `init` means what it says, on every release", () => {
    for (const release of ["7.0", "7.1", "7.2", "7.3"]) expect(found({}, release)).toEqual([]);
  });

  const changenet = { [`${dataset}.num_input`]: 1 };
  const fan = { "model.backbone.type": "fan_small_12_p4_hybrid", "model.classify.difference_module": "euclidean" };

  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      "the best checkpoint replaces the periodic ones",
      { "train.checkpointer": { enable_topk: true, replace_periodic: true } },
      /^halt train\.checkpointer\.replace_periodic leaves no periodic checkpoint/,
    ],
    [
      "a metric that is not logged",
      { "train.checkpointer": { enable_topk: "yes", monitor: "val_miou" } },
      /^halt train\.checkpointer\.monitor is val_miou; TAO 7\.3 logs .*val_far and val_loss/,
    ],
    [
      "best checkpoints elsewhere",
      { "train.checkpointer": { enable_topk: true, dirpath: "/data/workspace/best" } },
      /^warning train\.checkpointer\.dirpath/,
    ],
    [
      "best checkpoints of another name",
      { "train.checkpointer": { enable_topk: true, filename: "best" } },
      /^warning train\.checkpointer\.filename/,
    ],
    [
      "a training that resumes",
      { "train.resume_training_checkpoint_path": "/data/workspace/x.pth" },
      /^halt train\.resume_training_checkpoint_path resumes another training/,
    ],
    [
      "weights to start from",
      { "train.pretrained_model_path": "/data/workspace/x.pth" },
      /^warning train\.pretrained_model_path is set aside/,
    ],
    ["an empty checkpoint", { "inference.checkpoint": "" }, /^warning inference\.checkpoint is empty/],
    ["several goldens", { [`${dataset}.num_golden`]: 4 }, /^halt dataset\.classify\.num_golden is 4: .* only 1 is/],
    [
      "a grid with too few cells",
      { ...fan, ...grid(4, 2, 1) },
      /^halt dataset\.classify\.grid_map has 2 cells for 4 lightings; lighting 3/,
    ],
    ["a grid with too many cells", grid(2, 2, 2), /^halt dataset\.classify\.grid_map has 4 cells for 2 .* error$/],
    [
      "a grid of an odd number",
      { ...fan, ...grid(3, 3, 1) },
      /^halt dataset\.classify\.num_input is 3: TAO makes a grid/,
    ],
    [
      "a grid without its map",
      { ...grid(2, 2, 1), [`${dataset}.grid_map`]: undefined },
      /^halt dataset\.classify\.grid_map is missing/,
    ],
    [
      "a grid of unknown height",
      { ...grid(2, 2, 1), [`${dataset}.grid_map`]: { x: 2 } },
      /^halt .*grid_map\.y is missing/,
    ],
    [
      "a grid of nameless lightings",
      { ...grid(4, 2, 2), [`${dataset}.input_map`]: null },
      /^halt dataset\.classify\.input_map is missing/,
    ],
    [
      "lightings without names",
      { [`${dataset}.num_input`]: 4, [`${dataset}.input_map`]: null },
      /^halt dataset\.classify\.num_input is 4, but without input_map/,
    ],
    [
      "a number of lightings by default",
      { [`${dataset}.num_input`]: undefined },
      /^halt dataset\.classify\.num_input is 8, but input_map has 1 lightings/,
    ],
    [
      "several lightings that nothing joins",
      { ...fan, [`${dataset}.num_input`]: 2, [`${dataset}.input_map`]: lights(2), [`${dataset}.concat_type`]: null },
      /^halt dataset\.classify\.concat_type is absent; 2 lightings need/,
    ],
    [
      "lightings in a row for a transformer",
      { [`${dataset}.num_input`]: 2, [`${dataset}.input_map`]: lights(2) },
      /^halt dataset\.classify\.concat_type makes an image of 448 x 224; .*: use grid$/,
    ],
    [
      "an oblong image for a transformer",
      { [`${dataset}.image_width`]: 256 },
      /^halt dataset\.classify\.image_width makes an/,
    ],
    [
      "an oblong grid for a transformer",
      grid(2, 2, 1),
      /^halt dataset\.classify\.grid_map makes an image of 448 x 224/,
    ],
    [
      "an image that does not divide",
      { [`${dataset}.image_width`]: 240, [`${dataset}.image_height`]: 240 },
      /^halt dataset\.classify\.image_width makes an image of 240 x 240; it must be a multiple of 32$/,
    ],
  ])("%s", (_name, changes, expected) => {
    expect(found(changes)).toEqual([expect.stringMatching(expected)]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["a whole grid", grid(4, 2, 2)],
    ["halves that make a square", { ...grid(2, 2, 1), [`${dataset}.image_height`]: 448 }],
    ["the best checkpoint beside the periodic ones", { "train.checkpointer": { enable_topk: true } }],
    ["a checkpointer that is off", { "train.checkpointer": { replace_periodic: true, monitor: "val_miou" } }],
    ["an oblong image for a convolutional backbone", { ...fan, ...changenet, [`${dataset}.image_width`]: 300 }],
    [
      "lightings in a row for a convolutional backbone",
      { ...fan, [`${dataset}.num_input`]: 2, [`${dataset}.input_map`]: lights(2) },
    ],
    ["one image a part and no count", { [`${dataset}.num_input`]: undefined, [`${dataset}.concat_type`]: undefined }],
  ])("%s is nothing to mention", (_name, changes) => {
    expect(found(changes)).toEqual([]);
  });

  test.each([
    ["7.1", 1],
    ["7.2", 0],
  ])("val_far can be monitored from 7.2 on (%s)", (release, count) => {
    expect(found({ "train.checkpointer": { enable_topk: true, monitor: "val_far" } }, release)).toHaveLength(count);
  });
});
