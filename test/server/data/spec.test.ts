import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parseSpec, readSpec } from "../../../server/data/spec.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();
const minimal = "dataset:\n  classify:\n    input_map: {SolderLight: 0}\n";

describe("train spec", () => {
  it("gives lightings in the order of the file, also when their names look like numbers", async () => {
    const path = join(await folder(), "spec.yaml");
    await writeFile(
      path,
      "task: classify\ntrain: {num_epochs: 7, num_gpus: 2}\nmodel: {backbone: {type: b, pretrained_backbone_path: /p}}\n" +
        'dataset:\n  classify:\n    batch_size: 4\n    num_input: 3\n    image_ext: .png\n    input_map: {Zed: 0, "2": 1, A: 2}\n' +
        "    train_dataset: {csv_path: /t.csv, images_dir: /i}\n",
    );
    expect(await readSpec(path)).toMatchObject({
      lightings: ["Zed", "2", "A"],
      image_ext: ".png",
      num_epochs: 7,
      batch_size: 4,
      num_gpus: 2,
      num_input: 3,
      backbone_type: "b",
      pretrained_backbone_path: "/p",
      datasets: { train: { csv_path: "/t.csv", images_dir: "/i" }, validation: {} },
    });
  });

  it("takes the published defaults for absent keys, and no lighting without input_map", () => {
    expect(parseSpec("dataset: {classify: {input_map: null}}", "s")).toMatchObject({
      lightings: [],
      image_ext: ".jpg",
      num_epochs: 10,
      batch_size: 8,
      num_gpus: 1,
    });
  });

  it("reads keys that are merged in by an anchor", () => {
    const text = `base: &b {num_epochs: 3}\ntrain:\n  <<: *b\n${minimal}`;
    expect(parseSpec(text, "s").num_epochs).toBe(3);
  });

  it.each([
    ["a broken line", "a: [1\n", "input.bad-yaml"],
    ["a key given twice", `${minimal}dataset: {}\n`, "input.bad-yaml"],
    ["an unknown alias", "a: *b\n", "input.bad-yaml"],
    ["aliases that multiply", bomb(), "input.bad-yaml"],
    ["a list", "- a\n", "input.bad-spec"],
    ["an empty file", "", "input.bad-spec"],
    ["no classify block", "dataset: {segment: {}}", "input.bad-spec"],
    ["another task", `task: segment\n${minimal}`, "input.bad-spec"],
    ["a lighting that is a path", "dataset: {classify: {input_map: {../x: 0}}}", "input.bad-spec"],
    ["fewer lightings than inputs", "dataset: {classify: {num_input: 2, input_map: {a: 0}}}", "input.bad-spec"],
    ["an extension without its dot", "dataset: {classify: {image_ext: jpg}}", "input.bad-spec"],
    ["no epochs", `train: {num_epochs: 0}\n${minimal}`, "input.bad-spec"],
    ["epochs in words", `train: {num_epochs: ten}\n${minimal}`, "input.bad-spec"],
    ["AutoML anywhere", `train: {extra: [{automl_policy: {}}]}\n${minimal}`, "input.spec-automl"],
    ["a workflow", `workflow: x\n${minimal}`, "input.spec-automl"],
  ])("refuses %s", async (_, text, code) => {
    expect((await refusalOf(() => parseSpec(text, "spec.yaml"))).code).toBe(code);
  });

  it("refuses a file that is not there", async () => {
    expect((await refusalOf(async () => readSpec(join(await folder(), "none.yaml")))).code).toBe(
      "input.unreadable-file",
    );
  });
});

function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at},`.repeat(9)}]`);
  return `l0: &l0 [x]\n${levels.join("\n")}\n`;
}
