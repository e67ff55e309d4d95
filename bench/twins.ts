// How many copies of images are found again that were turned, cut, scaled, brightened or compressed, and how many images
// that are none are told of: node bench/run.mjs twins WORKSPACE
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import jpeg from "jpeg-js";
import type { GrayImage } from "../server/data/decode/gray-image.ts";
import { grayLevels } from "../server/data/decode/gray-levels.ts";
import { createImageIndex, seenFiles } from "../server/data/image-index.ts";
import { placeCsv } from "../server/data/leakage.ts";
import { findTwins } from "../server/data/twins/find.ts";
import { imagesRootOf, lightingsOf, rootsFor } from "../server/data/workspace-images.ts";
import { workspacePaths } from "../server/run/paths.ts";

/** Every so many KPI images are copied. */
const every = 12;
type Point = (u: number, v: number) => readonly [number, number];
type Change = {
  readonly levels?: (level: number) => number;
  readonly at?: Point;
  readonly scale?: number;
  readonly quality?: number;
};

const changes: Readonly<Record<string, Change>> = {
  "6 % brighter": { levels: (level) => level * 1.06 },
  "20 % darker": { levels: (level) => level * 0.8 },
  "contrast x 1.3": { levels: (level) => 128 + 1.3 * (level - 128) },
  "gamma 1.4": { levels: (level) => 255 * (level / 255) ** 1.4 },
  "turned by 90": { at: (u, v) => [v, 1 - u] },
  "turned by 180": { at: (u, v) => [1 - u, 1 - v] },
  mirrored: { at: (u, v) => [1 - u, v] },
  "scaled to 60 %": { scale: 0.6 },
  "scaled to 150 %": { scale: 1.5 },
  "cut by 5 %": { at: (u, v) => [0.02 + 0.95 * u, 0.03 + 0.95 * v], scale: 0.95 },
  "cut by 10 %": { at: (u, v) => [0.03 + 0.9 * u, 0.07 + 0.9 * v], scale: 0.9 },
  "cut by 20 %": { at: (u, v) => [0.05 + 0.8 * u, 0.12 + 0.8 * v], scale: 0.8 },
  "JPEG quality 70": { quality: 70 },
  "JPEG quality 50": { quality: 50 },
  "turned, brighter, quality 80": { at: (u, v) => [v, 1 - u], levels: (level) => level * 1.06, quality: 80 },
};

export async function measure(): Promise<void> {
  const workspace = resolve(process.argv[2] ?? ".");
  const { kpiCsv, trainingCsv, validationCsv, poolCsv } = workspacePaths(workspace);
  const kpi = await imagesOf(workspace, kpiCsv);
  const others = [
    ...new Set(
      (await Promise.all([trainingCsv, validationCsv, poolCsv].map((csv) => imagesOf(workspace, csv)))).flat(),
    ),
  ];
  const all = [...kpi, ...others];
  const began = process.cpuUsage();
  const told = await findTwins(await seenFiles(all));
  const { user } = process.cpuUsage(began);
  const between = told.filter(({ one, other }) => one < kpi.length !== other < kpi.length);
  const rows = new Set(between.map(({ one, other }) => Math.min(one, other))).size;
  console.log(
    `${all.length} images: ${told.length} pairs told of, ${between.length} between KPI and other sets, of ${rows} of ${kpi.length} KPI images; ${(user / 1e6).toFixed(1)} s here`,
  );
  for (const { one, other, likeness } of told.slice(0, 8))
    console.log(`  ${likeness.toFixed(2)} ${all[one]} ${all[other]}`);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-twins-"));
  try {
    for (const [name, change] of Object.entries(changes))
      await copies(
        name,
        change,
        kpi.filter((_, at) => at % every === 0),
        others,
        folder,
      );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function copies(
  name: string,
  change: Change,
  originals: readonly string[],
  others: readonly string[],
  folder: string,
) {
  const made: string[] = [];
  for (const [at, path] of originals.entries()) {
    const gray = grayLevels(await readFile(path));
    if (gray === undefined) throw new Error(`${path} cannot be decoded`);
    const to = join(folder, `${name.replaceAll(/\W/g, "_")}-${at}.jpg`);
    await writeFile(to, encoded(changed(gray, change), change.quality ?? 92));
    made.push(to);
  }
  const all = [...made, ...originals, ...others.filter((_, at) => at % 6 === 0)];
  const found = new Set(
    (await findTwins(await seenFiles(all)))
      .filter(({ one, other }) => other === one + made.length)
      .map(({ one }) => one),
  );
  console.log(`  ${name.padEnd(30)} ${found.size} of ${made.length} found`);
}

async function imagesOf(workspace: string, csv: string): Promise<string[]> {
  const lightings = await lightingsOf(workspace);
  const index = createImageIndex();
  const { input } = await placeCsv(
    { csv, roots: rootsFor(csv, workspace, await imagesRootOf(workspace)) },
    lightings,
    index,
  );
  return Array.from(input, index.pathOf);
}

function changed(image: GrayImage, { levels = (level) => level, at = (u, v) => [u, v], scale = 1 }: Change): GrayImage {
  const [width, height] = [Math.round(image.width * scale), Math.round(image.height * scale)];
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = at((x + 0.5) / width, (y + 0.5) / height);
      data[y * width + x] = Math.max(0, Math.min(255, Math.round(levels(levelAt(image, u, v)))));
    }
  }
  return { width, height, data };
}

function levelAt({ width, height, data }: GrayImage, u: number, v: number): number {
  const x = Math.min(width - 1.001, Math.max(0, u * width - 0.5));
  const y = Math.min(height - 1.001, Math.max(0, v * height - 0.5));
  const [column, row, dx, dy] = [Math.floor(x), Math.floor(y), x % 1, y % 1];
  const [left, right] = [0, 1].map((one) => {
    const [top = 0, bottom = 0] = [data[row * width + column + one], data[(row + 1) * width + column + one]];
    return top * (1 - dy) + bottom * dy;
  });
  return (left ?? 0) * (1 - dx) + (right ?? 0) * dx;
}

function encoded({ width, height, data }: GrayImage, quality: number): Uint8Array {
  const pixels = new Uint8Array(4 * data.length).fill(255);
  for (const [at, level] of data.entries()) pixels.fill(level, 4 * at, 4 * at + 3);
  return jpeg.encode({ width, height, data: pixels }, quality).data;
}
