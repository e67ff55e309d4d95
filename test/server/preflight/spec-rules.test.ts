import { describe, expect, it } from "@jest/globals";
import { parseSpec } from "../../../server/data/spec.ts";
import { specProblems } from "../../../server/preflight/spec-rules.ts";
import { specText } from "./support/boards.ts";

const keysOf = (text: string, program: "engine" | "tao" = "engine") =>
  specProblems(parseSpec(text, "spec.yaml"), program).map((problem) => problem.key);

describe("the constraints of a train spec", () => {
  it.each([
    ["a good spec has none", specText, []],
    ["the placeholder for results is fine", specText.replace("/results", "/results/"), []],
    ["contrastive needs euclidean", specText.replace("loss: ce", "loss: contrastive"), ["train.classify.loss"]],
    ["an unknown loss", specText.replace("loss: ce", "loss: focal"), ["train.classify.loss"]],
    ["a weight for each class", specText.replace("[1.0, 10.0]", "[1.0]"), ["train.classify.cls_weight"]],
    [
      "one to four modules",
      specText.replace("modules: 4", "modules: 5"),
      ["model.classify.learnable_difference_modules"],
    ],
    [
      "a share as sampling ratio",
      specText.replace("batch_size: 2", "batch_size: 2\n    fpratio_sampling: 2"),
      ["dataset.classify.fpratio_sampling"],
    ],
  ])("%s", (_, text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });

  const backbone = (body: string) => specText.replace("type: c_radio_v2_vit_base_patch16_224", body);
  const key = "model.backbone.pretrained_backbone_path";
  it.each([
    ["no weights", specText, [key]],
    [
      "an address",
      backbone(`type: c_radio_v2_vit_base_patch16_224, pretrained_backbone_path: "https://x/y.pth"`),
      [key],
    ],
    [
      "a file",
      backbone("type: c_radio_v2_vit_base_patch16_224, pretrained_backbone_path: /data/pretrained_models/x.pth"),
      [],
    ],
    [
      "DINOv3 not frozen",
      backbone("type: vit_base_dinov3, pretrained_backbone_path: /data/pretrained_models/x.pth"),
      ["model.backbone.freeze_backbone"],
    ],
  ])("containers look at the backbone: %s", (_, text, keys) => {
    expect(keysOf(text, "tao")).toEqual(keys);
  });
});
