import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach } from "@jest/globals";
import type { Gray } from "../../engine/image/gray.ts";
import { runEngine } from "../../engine/main.ts";
import { randomStream } from "../../engine/random.ts";
import { encodeGrayJpeg } from "../../engine/workspace/gray-jpeg.ts";

const created: string[] = [];

/** A fresh folder that is gone after the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "engine-"));
  created.push(path);
  return path;
}

afterEach(() => {
  for (const path of created.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** Runs an entry point and gathers what it printed. */
export async function runEntry(argv: string[], env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runEngine(argv, {
    stdout: { write: (part) => out.push(part) },
    stderr: { write: (part) => err.push(part) },
    env,
    cwd: tmpdir(),
  });
  return { code, stdout: out.join(""), stderr: err.join("") };
}

export const DARK = 65;
export const LIGHT = 160;

/** A board of a few dark tracks on light ground; the seed decides where they run. */
export function drawBoard(seed: number, side = 96): Gray {
  const random = randomStream(seed * 97 + 5);
  const data = new Float32Array(side * side).fill(LIGHT);
  for (let track = 0; track < 4; track++) {
    const at = Math.floor(random() * (side - 24)) + 8;
    const width = 7 + Math.floor(random() * 6);
    const upright = random() < 0.5;
    for (let along = 0; along < side; along++) {
      for (let across = at; across < at + width; across++) {
        data[upright ? along * side + across : across * side + along] = DARK;
      }
    }
  }
  return { width: side, height: side, data };
}

/** The image with a disc of the given level at a place. */
export function withDisc(image: Gray, x: number, y: number, radius: number, level: number): Gray {
  const data = Float32Array.from(image.data);
  for (let p = 0; p < data.length; p++) {
    const dx = (p % image.width) - x;
    const dy = Math.floor(p / image.width) - y;
    if (dx * dx + dy * dy <= radius * radius) data[p] = level;
  }
  return { ...image, data };
}

/** The image with a disc of the other material where it shows: a defect. */
export function withDefect(image: Gray, seed: number): Gray {
  const random = randomStream(seed * 31 + 11);
  const x = 20 + Math.floor(random() * (image.width - 40));
  const y = 20 + Math.floor(random() * (image.height - 40));
  const under = image.data[y * image.width + x] as number;
  return withDisc(image, x, y, 4 + random() * 4, under < (DARK + LIGHT) / 2 ? LIGHT : DARK);
}

/** Writes the levels of a square image as a JPEG of quality 88, with a little noise of its own. */
export function writeJpeg(path: string, image: Gray, seed = 1): void {
  const random = randomStream(seed);
  const data = Uint8Array.from(image.data, (level) => Math.max(0, Math.min(255, level + (random() - 0.5) * 8)));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodeGrayJpeg(data, image.width, 88));
}

export type TinyOptions = { rows?: number; defectEvery?: number; lights?: string[]; firstSeed?: number };

/** Writes image pairs and a CSV with four columns; every `defectEvery`-th row is defective. Returns the CSV's path. */
export function writeSplit(folder: string, name: string, options: TinyOptions = {}): string {
  const { rows = 24, defectEvery = 3, lights = ["SolderLight"], firstSeed = 1 } = options;
  const lines = ["input_path,golden_path,label,object_name"];
  for (let row = 0; row < rows; row++) {
    const seed = firstSeed + row;
    const board = drawBoard(seed);
    const defective = defectEvery > 0 && row % defectEvery === 0;
    for (const light of lights) {
      const file = `${name}${row}_${light}.jpg`;
      writeJpeg(join(folder, "images", "test", file), defective ? withDefect(board, seed) : board, seed + 1000);
      writeJpeg(join(folder, "images", "golden", file), board, seed + 2000);
    }
    lines.push(`test,golden,${defective ? "bridge" : "PASS"},${name}${row}`);
  }
  const path = join(folder, `${name}.csv`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** A small workspace: train, validation and KPI split, and a spec that names them. */
export function writeWorkspace(options: TinyOptions = {}) {
  const folder = temporaryFolder();
  writeSplit(folder, "train", options);
  const few = options.rows !== undefined;
  writeSplit(folder, "validation", { ...options, firstSeed: 500, defectEvery: 3, rows: few ? 4 : 12 });
  if (!few) writeSplit(folder, "kpi", { ...options, firstSeed: 900, defectEvery: 3, rows: 18 });
  const spec = join(folder, "spec.yaml");
  writeFileSync(spec, specText(folder, options.lights ?? ["SolderLight"]));
  return { folder, spec, run: join(folder, "run") };
}

function specText(folder: string, lights: string[]): string {
  const split = (csv: string) => `{csv_path: ${folder}/${csv}.csv, images_dir: ${folder}/images}`;
  return `task: classify
results_dir: ${folder}/run
train:
  num_epochs: 6
  checkpoint_interval: 3
  validation_interval: 3
  pretrained_model_path: null
  resume_training_checkpoint_path: null
  classify: {loss: ce, cls_weight: [1.0, 10.0]}
  optim: {lr: 1.0e-5}
model:
  classify: {difference_module: learnable, eval_margin: 0.3}
dataset:
  classify:
    train_dataset: ${split("train")}
    validation_dataset: ${split("validation")}
    test_dataset: ${split("validation")}
    infer_dataset: ${split("kpi")}
    image_ext: .jpg
    batch_size: 4
    fpratio_sampling: 0.2
    num_input: ${lights.length}
    input_map: {${lights.map((light, index) => `${light}: ${index}`).join(", ")}}
evaluate:
  checkpoint: \${results_dir}/train/changenet_model_classify_latest.pth
inference:
  checkpoint: \${results_dir}/train/changenet_model_classify_latest.pth
`;
}
