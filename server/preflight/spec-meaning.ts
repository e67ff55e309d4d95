import type { SpecFinding } from "../data/spec-check.ts";
import type { Release } from "../data/spec-keys.ts";
import { isRecord, valueAt } from "../run/record.ts";

type Read = (key: string) => unknown;

/**
 * What a spec says that TAO takes without a word and then does otherwise than it reads: `tree` is the spec as TAO reads
 * it, and an absent key has the release's default.
 */
export function specMeaning(tree: unknown, { list, release }: Release): SpecFinding[] {
  const read: Read = (key) => {
    const value = valueAt(tree, key);
    return value === undefined ? list.keys[key]?.default : value;
  };
  return [
    ...checkpointerFindings(read, list.metrics, release),
    ...startFindings(read),
    ...goldenFindings(read),
    ...lightingFindings(read, valueAt(tree, "dataset.classify.num_input") !== undefined),
    ...shapeFindings(read),
  ];
}

/** The loop compares periodic checkpoints; the best by a metric may come beside them, not instead of them. */
function checkpointerFindings(read: Read, metrics: readonly string[], release: string): SpecFinding[] {
  const at = "train.checkpointer";
  if (!isOn(read(`${at}.enable_topk`))) return [];
  const findings: SpecFinding[] = [];
  if (isOn(read(`${at}.replace_periodic`))) {
    findings.push(halt(`${at}.replace_periodic`, "leaves no periodic checkpoint to compare; set it to false"));
  }
  const monitor = read(`${at}.monitor`) ?? "val_loss";
  if (!metrics.includes(String(monitor))) {
    const known = metrics.join(" and ");
    findings.push(halt(`${at}.monitor`, `is ${String(monitor)}; TAO ${release} logs ${known} here and would end`));
  }
  if (given(read(`${at}.dirpath`))) {
    findings.push(warning(`${at}.dirpath`, "puts the best checkpoints where they are not compared"));
  }
  if (!/^model_best_\{epoch/.test(String(read(`${at}.filename`) ?? "model_best_{epoch:03d}"))) {
    findings.push(warning(`${at}.filename`, "names the best checkpoints so that they are not compared"));
  }
  return findings;
}

/** Every training of the loop has its own start; what the spec says about it is not kept. */
function startFindings(read: Read): SpecFinding[] {
  const findings: SpecFinding[] = [];
  if (given(read("train.resume_training_checkpoint_path"))) {
    const problem =
      "resumes another training, epoch counter and all; set it to null (`baseline_ckpt` starts from weights)";
    findings.push(halt("train.resume_training_checkpoint_path", problem));
  }
  if (given(read("train.pretrained_model_path"))) {
    const problem = "is set aside: the baseline trains from the backbone; pass `baseline_ckpt` to start from weights";
    findings.push(warning("train.pretrained_model_path", problem));
  }
  for (const key of ["evaluate.checkpoint", "inference.checkpoint"]) {
    if (read(key) !== "") continue;
    findings.push(
      warning(key, "is empty, which TAO takes for the working directory; the server names it for each task"),
    );
  }
  return findings;
}

function goldenFindings(read: Read): SpecFinding[] {
  const count = Number(read("dataset.classify.num_golden"));
  if (!(count > 1)) return [];
  const problem = `is ${count}: TAO would pair each part with random files of its golden directory; only 1 is supported`;
  return [halt("dataset.classify.num_golden", problem)];
}

/**
 * How many lightings the loader takes, and how many the model is built for. An absent num_input is 8, which harms only
 * where it sizes the model.
 */
function lightingFindings(read: Read, counted: boolean): SpecFinding[] {
  const key = (name: string) => `dataset.classify.${name}`;
  const map = read(key("input_map"));
  const count = isRecord(map) ? Object.keys(map).length : 1;
  const inputs = Number(read(key("num_input")));
  const concat = read(key("concat_type"));
  if (concat === "grid") return gridFindings(read, count, inputs);
  if (!isRecord(map) && inputs > 1 && (concat === "linear" || counted)) {
    return [halt(key("num_input"), `is ${inputs}, but without input_map each part has one image; set it to 1`)];
  }
  if (concat === "linear" && inputs !== count) {
    return [
      halt(key("num_input"), `is ${inputs}, but input_map has ${count} lightings; the model would have another size`),
    ];
  }
  if (count > 1 && concat !== "linear") {
    return [halt(key("concat_type"), `is ${String(concat ?? "absent")}; ${count} lightings need linear or grid`)];
  }
  return [];
}

function gridFindings(read: Read, count: number, inputs: number): SpecFinding[] {
  const key = (name: string) => `dataset.classify.${name}`;
  if (!isRecord(read(key("grid_map")))) return [halt(key("grid_map"), "is missing; concat_type grid needs x and y")];
  const sides = ["grid_map.x", "grid_map.y"].filter((name) => !(Number(read(key(name))) >= 1));
  if (sides[0] !== undefined) return [halt(key(sides[0]), "is missing or less than 1; concat_type grid needs x and y")];
  if (!isRecord(read(key("input_map")))) {
    return [halt(key("input_map"), "is missing; a grid of lightings needs their names")];
  }
  const cells = Number(read(key("grid_map.x"))) * Number(read(key("grid_map.y")));
  if (cells !== count) {
    const what =
      cells < count ? `lighting ${cells + 1} and on would never be used` : "the training would end in an error";
    return [halt(key("grid_map"), `has ${cells} cells for ${count} lightings; ${what}`)];
  }
  // One cell shows the one lighting either way.
  if (inputs % 2 === 0 || count === 1) return [];
  const problem = `is ${inputs}: TAO makes a grid of an even number only and falls back to linear, which fits no grid model`;
  return [halt(key("num_input"), problem)];
}

/** Transformer backbones take square images, the learnable head those of a multiple of 32. */
function shapeFindings(read: Read): SpecFinding[] {
  if (!/vit|radio/.test(String(read("model.backbone.type") ?? ""))) return [];
  const [width, height] = [Number(read("dataset.classify.image_width")), Number(read("dataset.classify.image_height"))];
  const concat = read("dataset.classify.concat_type");
  const times = { x: 1, y: 1 };
  const map = read("dataset.classify.input_map");
  if (concat === "grid") {
    times.x = Number(read("dataset.classify.grid_map.x"));
    times.y = Number(read("dataset.classify.grid_map.y"));
  } else if (isRecord(map)) times.x = Object.keys(map).length;
  const [across, down] = [width * times.x, height * times.y];
  if (!Number.isFinite(across) || !Number.isFinite(down)) return [];
  if (across !== down) {
    const linear = times.x > 1 && concat !== "grid";
    const name = linear || width === height ? (linear ? "concat_type" : "grid_map") : "image_width";
    const problem = `makes an image of ${across} x ${down}; this backbone takes square images only${linear ? ": use grid" : ""}`;
    return [halt(`dataset.classify.${name}`, problem)];
  }
  if (read("model.classify.difference_module") !== "learnable" || across % 32 === 0) return [];
  return [halt("dataset.classify.image_width", `makes an image of ${across} x ${down}; it must be a multiple of 32`)];
}

/** True as TAO's schema reads it. */
function isOn(value: unknown): boolean {
  return value === true || /^(?:true|yes|on|y|[+-]?0*[1-9]\d*)$/i.test(String(value));
}

function given(value: unknown): boolean {
  return value !== null && value !== undefined && value !== "";
}

function halt(key: string, problem: string): SpecFinding {
  return { key, problem, weight: "halt" };
}

function warning(key: string, problem: string): SpecFinding {
  return { key, problem, weight: "warning" };
}
