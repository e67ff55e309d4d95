import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { EngineFailure } from "../failure.ts";
import { decodeGray } from "../image/decode.ts";
import { encodePng } from "../image/encode.ts";
import { blankGray, resizeGray } from "../image/gray.ts";
import { readImageFile } from "../pair/pair-reader.ts";
import { randomStream, shuffledIndices } from "../random.ts";
import { pythonJson } from "../status-log.ts";
import { allocate, type DefectKind, listImages, readDefectSpec } from "./defect-spec.ts";
import { type PlacementRule, placeShape, type Shape, shapeOf } from "./placement.ts";
import type { Brings } from "./render.ts";
import { openScenes, type Scene } from "./scenes.ts";

export type PrepOptions = {
  name: string;
  total: number;
  dataset_dir: string;
  clean_dir: string;
  defect_spec: string;
  labels_path: string;
  amp_output_dir: string;
  output_jsonl: string;
  mode: "inference" | "validation";
  per_defect_counts: Record<string, number> | undefined;
  guidance: number;
  crop_ratio: number;
  seed: number;
};

/** One row of testcase.jsonl; `brings` is this engine's own, other generators ignore it. */
export type Testcase = {
  image: string;
  mask: string;
  anomaly_type: string;
  guidance: number;
  crop_ratio: number;
  seed: number;
  brings?: Brings | undefined;
};

type Log = (level: "INFO" | "WARNING", text: string) => void;

const LEAST_CHANGED_PX = 18;
const LEAST_CHANGED_SHARE = 0.6;

/**
 * Places masks for every defect type and writes testcase.jsonl, allocation.json (the planned split) and amp_samples.json
 * beside it; returns the number of testcases, which is what was really placed.
 *
 * A type that finds no place is logged and left out, as AnomalyGen does: the JSONL is then shorter than planned.
 */
export function planTestcases(options: PrepOptions, log: Log): number {
  const kinds = readDefectSpec(options.defect_spec);
  const masks = kinds.map((kind) => listImages(join(options.dataset_dir, kind.texture, "mask", kind.type)));
  const plan = allocate(
    kinds,
    options.total,
    options.mode,
    masks.map((list) => list.length),
    options.per_defect_counts,
  );
  const cases: Testcase[] = [];
  kinds.forEach((kind, index) => {
    const wanted = plan[kind.defect_type] ?? 0;
    if (wanted > 0) cases.push(...placeKind(kind, wanted, masks[index] ?? [], options, log));
  });
  const folder = dirname(options.output_jsonl);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "allocation.json"), `${JSON.stringify(plan, null, 2)}\n`);
  writeFileSync(join(folder, "amp_samples.json"), `${JSON.stringify(cases, null, 2)}\n`);
  writeFileSync(options.output_jsonl, cases.map((one) => `${pythonJson(one)}\n`).join(""));
  log("INFO", `wrote ${cases.length} entries to ${options.output_jsonl}`);
  return cases.length;
}

function placeKind(
  kind: DefectKind,
  wanted: number,
  masks: readonly string[],
  options: PrepOptions,
  log: Log,
): Testcase[] {
  if (kind.dependency === "text") {
    log(
      "WARNING",
      `${kind.defect_type}: spatial_dependency text needs a vision-language model, which the embedded engine lacks; skipping`,
    );
    return [];
  }
  const scenes = openScenes(kind, options);
  if (scenes.length === 0 || masks.length === 0) {
    log("WARNING", `${kind.defect_type}: ${scenes.length} usable clean images, ${masks.length} masks; skipping`);
    return [];
  }
  const random = randomStream(options.seed + hashOf(kind.defect_type));
  const order = shuffledIndices(scenes.length, random);
  const maskOrder = shuffledIndices(masks.length, random);
  const cases: Testcase[] = [];
  const barren = new Set<string>();
  for (let attempt = 0; cases.length < wanted && attempt < wanted * 6 + scenes.length; attempt++) {
    const scene = scenes.at(order[attempt % order.length] as number);
    const maskPath = masks[maskOrder[(attempt * 7 + cases.length) % masks.length] as number] as string;
    if (barren.has(scene.path) || (scene.anchors !== undefined && scene.anchors.length === 0)) {
      if (!barren.has(scene.path)) log("WARNING", `${scene.stem}/${kind.defect_type}: no ROI candidates, skipping`);
      barren.add(scene.path);
      if (barren.size === scenes.length) break;
      continue;
    }
    const found = placeOne(scene, maskPath, options, random);
    if (found !== undefined) cases.push(writeMask(kind, scene, maskPath, found, cases.length, options));
  }
  log(
    "INFO",
    `${kind.defect_type}: ${scenes.length - barren.size}/${scenes.length} with ROI, ${cases.length}/${barren.size === scenes.length ? 0 : wanted} seeds OK`,
  );
  return cases;
}

function placeOne(scene: Scene, maskPath: string, options: PrepOptions, random: () => number): Int32Array | undefined {
  let mask = decodeGray(readImageFile(maskPath), maskPath);
  if (mask.data.some((level) => level > 8 && level < 247)) {
    throw new EngineFailure("ValueError", `anomaly mask is not binary (0/255): ${maskPath}`);
  }
  if (mask.width !== scene.width || mask.height !== scene.height) {
    mask = resizeGray(mask, scene.width, scene.height);
    const folder = join(options.amp_output_dir, "resized_masks");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${basename(maskPath, extname(maskPath))}.png`), encodePng(mask));
  }
  const shape: Shape | undefined = shapeOf(mask);
  if (shape === undefined) return undefined;
  const rule: PlacementRule = {
    width: scene.width,
    height: scene.height,
    anchors: scene.anchors,
    target:
      scene.target === undefined
        ? undefined
        : {
            region: scene.target,
            share: scene.groups === undefined ? LEAST_CHANGED_SHARE : 0.3,
            pixels: Math.min(LEAST_CHANGED_PX, shape.dx.length),
          },
    groups: scene.groups,
  };
  return placeShape(shape, rule, random);
}

function writeMask(
  kind: DefectKind,
  scene: Scene,
  maskPath: string,
  pixels: Int32Array,
  index: number,
  options: PrepOptions,
): Testcase {
  const mask = blankGray(scene.width, scene.height);
  for (const p of pixels) mask.data[p] = 255;
  const folder = join(options.amp_output_dir, scene.stem, kind.defect_type);
  mkdirSync(folder, { recursive: true });
  const base = basename(maskPath, extname(maskPath));
  let path = join(folder, `${base}__seed0.png`);
  if (existsSync(path)) path = join(folder, `${base}__seed${index}.png`);
  writeFileSync(path, encodePng(mask));
  return {
    image: scene.path,
    mask: path,
    anomaly_type: kind.defect_type,
    guidance: options.guidance,
    crop_ratio: options.crop_ratio,
    seed: options.seed,
    brings: scene.brings,
  };
}

function hashOf(text: string): number {
  let hash = 7;
  for (const letter of text) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0;
  return hash;
}
