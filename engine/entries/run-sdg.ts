import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeTable } from "../../server/data/csv.ts";
import { parseJson } from "../../server/fs/json.ts";
import { EngineFailure } from "../failure.ts";
import { decodeGray } from "../image/decode.ts";
import { encodePng } from "../image/encode.ts";
import type { Gray } from "../image/gray.ts";
import { type EngineIo, realPath } from "../io.ts";
import { readImageFile } from "../pair/pair-reader.ts";
import { randomStream } from "../random.ts";
import { readFlags } from "../spec/flags.ts";
import { pythonJson } from "../status-log.ts";
import type { Testcase } from "../synthesis/prepare.ts";
import { drawDefect, recapture } from "../synthesis/render.ts";
import { runScript } from "../task.ts";

const folders = [
  ...["reconstructed_image", "original_image", "original_mask"],
  ...["cropped_image", "cropped_mask", "annotated_image"],
] as const;

/**
 * AnomalyGen's `run_sdg`: makes one NG/OK pair for each testcase, by drawing instead of diffusion. The generator
 * checkpoint that the arguments name is not read.
 */
export async function runSdg(args: string[], io: EngineIo): Promise<number> {
  return await runScript(io, async () => {
    const flags = readFlags(args, {
      required: ["checkpoint-dir", "step", "input-jsonl", "output-dir", "model-size", "num-gpus"],
      optional: ["seed"],
    });
    const size = flags.text("model-size") ?? "";
    if (!["2b", "14b"].includes(size.toLowerCase()))
      throw new EngineFailure("ValueError", `unknown model size: ${size}`);
    const cases = readTestcases(realPath(io, flags.text("input-jsonl") ?? ""));
    const output = realPath(io, flags.text("output-dir") ?? "");
    await generate(cases, output, flags.whole("seed", 0), io);
    return 0;
  });
}

function readTestcases(path: string): Testcase[] {
  if (!existsSync(path)) throw new EngineFailure("FileNotFoundError", `[Errno 2] No such file or directory: '${path}'`);
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line, index) => {
    if (line.trim() === "") return [];
    const found = parseLine(line, index + 1);
    // It becomes a file name.
    if (/[/\\\0]/.test(String(found.anomaly_type))) {
      throw new EngineFailure("ValueError", `testcase line ${index + 1} has an anomaly_type that is no name`);
    }
    if (typeof found.image === "string" && typeof found.mask === "string" && typeof found.anomaly_type === "string") {
      return [found as Testcase];
    }
    throw new EngineFailure("KeyError", `testcase line ${index + 1} lacks image, mask or anomaly_type`);
  });
}

function parseLine(line: string, number: number): Partial<Testcase> {
  try {
    return (parseJson(line) ?? {}) as Partial<Testcase>;
  } catch (error) {
    throw new EngineFailure("ValueError", `testcase line ${number} is not JSON`, { cause: error });
  }
}

async function generate(cases: readonly Testcase[], output: string, seed: number, io: EngineIo): Promise<void> {
  const began = performance.now();
  for (const folder of folders) mkdirSync(join(output, folder), { recursive: true });
  const rows = cases.map((testcase, index) => {
    const name = `${testcase.anomaly_type}_${String(index).padStart(5, "0")}.png`;
    const clean = decodeGray(readImageFile(realPath(io, testcase.image)), testcase.image);
    const mask = decodeGray(readImageFile(realPath(io, testcase.mask)), testcase.mask);
    const random = randomStream(seed * 1_000_003 + testcase.seed * 7919 + index + 1);
    const defective = recapture(drawDefect(clean, mask, testcase.brings, random), random);
    const box = cropBox(mask, testcase.crop_ratio);
    const images: Record<(typeof folders)[number], Gray> = {
      reconstructed_image: defective,
      original_image: clean,
      original_mask: mask,
      cropped_image: crop(defective, box),
      cropped_mask: crop(mask, box),
      annotated_image: annotated(defective, box),
    };
    for (const folder of folders) writeFileSync(join(output, folder, name), encodePng(images[folder]));
    return [
      ...[String(index), name, name, testcase.anomaly_type, String(testcase.guidance), String(testcase.crop_ratio)],
      ...[String(testcase.seed), psnr(clean, defective).toFixed(4), "1", testcase.image],
    ];
  });
  const header = [
    ...["index", "image_filename", "mask_filename", "anomaly_type", "guidance", "crop_ratio", "seed", "PSNR"],
    ...["guardrail_pass", "source"],
  ];
  await writeTable(join(output, "SDG_result.csv"), header, rows);
  const seconds = (performance.now() - began) / 1000;
  const timing = {
    total_seconds: seconds,
    samples: rows.length,
    seconds_per_sample: seconds / Math.max(1, rows.length),
  };
  writeFileSync(join(output, "timing_summary.json"), `${pythonJson(timing)}\n`);
  io.stdout.write(`generated ${rows.length} images in ${output}\n`);
}

type Box = { x: number; y: number; width: number; height: number };

function cropBox(mask: Gray, ratio: number): Box {
  let [x0, y0, x1, y1] = [mask.width, mask.height, 0, 0];
  for (let p = 0; p < mask.data.length; p++) {
    if ((mask.data[p] as number) <= 127) continue;
    const x = p % mask.width;
    const y = Math.floor(p / mask.width);
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  if (x1 < x0) return { x: 0, y: 0, width: mask.width, height: mask.height };
  const side = Math.round(Math.max(x1 - x0 + 1, y1 - y0 + 1) * ratio);
  const width = Math.min(side, mask.width);
  const height = Math.min(side, mask.height);
  const x = Math.max(0, Math.min(mask.width - width, Math.round((x0 + x1 - width) / 2)));
  const y = Math.max(0, Math.min(mask.height - height, Math.round((y0 + y1 - height) / 2)));
  return { x, y, width, height };
}

function crop(image: Gray, { x, y, width, height }: Box): Gray {
  const data = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (y + row) * image.width + x;
    data.set(image.data.subarray(from, from + width), row * width);
  }
  return { width, height, data };
}

function annotated(image: Gray, { x, y, width, height }: Box): Gray {
  const data = Float32Array.from(image.data);
  for (let dx = 0; dx < width; dx++) {
    data[y * image.width + x + dx] = 255;
    data[(y + height - 1) * image.width + x + dx] = 255;
  }
  for (let dy = 0; dy < height; dy++) {
    data[(y + dy) * image.width + x] = 255;
    data[(y + dy) * image.width + x + width - 1] = 255;
  }
  return { width: image.width, height: image.height, data };
}

/** Peak signal-to-noise ratio in dB; equal images give 99. */
function psnr(a: Gray, b: Gray): number {
  let squares = 0;
  for (let p = 0; p < a.data.length; p++) squares += ((a.data[p] as number) - (b.data[p] as number)) ** 2;
  return squares === 0 ? 99 : Math.min(99, 10 * Math.log10((255 * 255 * a.data.length) / squares));
}
