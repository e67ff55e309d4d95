// How long the comparison of image contents takes, beside reading the same files once from a warm cache, beside decoding
// them once with the packages that we use elsewhere (jpeg-js, pngjs), and beside itself when asked again; how much memory.
// node bench/run.mjs content [DEEPPCB_WORKSPACE] [ROWS]
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "jpeg-js";
import { PNG } from "pngjs";
import { openContents } from "../server/data/content-cache.ts";
import { findLeakage } from "../server/data/leakage.ts";
import { readFileStart } from "../server/fs/head.ts";

type Images = { readonly training: readonly string[]; readonly held: readonly string[] };
type Make = { readonly name: string; readonly side: number; readonly count: number; readonly type: "jpg" | "png" };

const made: readonly Make[] = [
  { name: "96 x 96 PNG", side: 96, count: 1000, type: "png" },
  { name: "1000 x 1000 PNG", side: 1000, count: 24, type: "png" },
  { name: "1000 x 1000 JPEG", side: 1000, count: 40, type: "jpg" },
];

export async function measure(): Promise<void> {
  const [workspace, rows = "100000"] = process.argv.slice(2);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-content-"));
  try {
    if (workspace !== undefined) await measureImages("DeepPCB, 96 x 96 JPEG", deepPcb(workspace), folder);
    for (const make of made) await measureImages(make.name, await makeImages(join(folder, make.name), make), folder);
    await measureMemory(folder, Number(rows));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Pool and training images against the KPI images. */
function deepPcb(workspace: string): Images {
  const all = readdirSync(workspace, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".jpg"))
    .map((file) => join(workspace, file));
  const isKpi = (file: string) => file.startsWith(join(workspace, "kpi"));
  return { training: all.filter((file) => !isKpi(file)), held: all.filter(isKpi) };
}

async function measureImages(name: string, images: Images, folder: string): Promise<void> {
  const all = [...images.training, ...images.held];
  all.forEach(readWhole);
  const sides = await csvsOf(images, folder);
  const ratios: string[] = [];
  for (let run = 0; run < 3; run++) {
    const reading = timeOf(() => all.forEach(readWhole));
    const decoding = timeOf(() => all.forEach(decodeWhole));
    const names = await checked(sides, undefined);
    const memory = new Map();
    const whole = await checked(sides, openContents(memory));
    const again = await checked(sides, openContents(memory));
    const check = whole.ms - names.ms;
    const each = (ms: number) => `${(ms / all.length).toFixed(3)} ms`;
    ratios.push(`${(check / reading).toFixed(1)} (${each(reading)} and ${each(check)} an image)`);
    if (run < 2) continue;
    console.log(`  longest stall of this process ${whole.stall.toFixed(0)} ms, ${whole.found}`);
    console.log(
      `  check / decoding each once ${(check / decoding).toFixed(2)} (${each(decoding)} an image), again / first ${((again.ms - names.ms) / check).toFixed(2)}`,
    );
  }
  console.log(`${name}, ${images.training.length} against ${images.held.length}: check / reading ${ratios.join(", ")}`);
}

function timeOf(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

function readWhole(path: string): void {
  readFileStart(path);
}

function decodeWhole(path: string): void {
  const bytes = Buffer.from(readFileStart(path).bytes);
  if (path.endsWith(".png")) PNG.sync.read(bytes);
  else decode(bytes, { useTArray: true });
}

async function checked(sides: Sides, contents: ReturnType<typeof openContents> | undefined) {
  let stall = 0;
  let last = performance.now();
  const clock = setInterval(() => {
    stall = Math.max(stall, performance.now() - last);
    last = performance.now();
  }, 5);
  const began = performance.now();
  const options = contents === undefined ? {} : { contents };
  const [{ count, near }] = await findLeakage(sides.training, [sides.held], { lightings: [], image_ext: "" }, options);
  clearInterval(clock);
  return { ms: performance.now() - began, stall, found: `${count} copies, ${near.count} near` };
}

type Sides = Awaited<ReturnType<typeof csvsOf>>;

async function csvsOf(images: Images, folder: string) {
  const write = async (name: string, paths: readonly string[]) => {
    const rows = paths.map((path) => `/,/,PASS,${path}`);
    const csv = join(folder, name);
    await writeFile(csv, ["input_path,golden_path,label,object_name", ...rows, ""].join("\n"));
    return { csv, roots: [folder] };
  };
  return { training: await write("training.csv", images.training), held: await write("held.csv", images.held) };
}

async function makeImages(folder: string, { side, count, type }: Make): Promise<Images> {
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (let seed = 0; seed < count; seed++) {
    const path = join(folder, `${seed}.${type}`);
    await writeFile(path, boardImage(side, seed, type));
    paths.push(path);
  }
  const middle = Math.floor((count * 4) / 5);
  return { training: paths.slice(0, middle), held: paths.slice(middle) };
}

/** A number of 32 bits that looks drawn by lot. */
function chance(at: number, seed: number): number {
  let mixed = Math.imul(at ^ Math.imul(seed + 1, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Pads on a noisy ground, in other places on each board. */
function boardImage(side: number, seed: number, type: Make["type"]): Buffer {
  const png = new PNG({ width: side, height: side });
  for (let at = 0; at < side * side; at++) {
    const [x, y] = [at % side, Math.floor(at / side)];
    const noise = chance(at, seed) >>> 28;
    const pad = chance((x >> 3) * 131 + (y >> 3), seed) >>> 30 === 0 ? 90 : 0;
    for (const [channel, base] of [40, 90, 50].entries()) png.data[4 * at + channel] = base + pad + noise;
    png.data[4 * at + 3] = 255;
  }
  if (type === "png") return PNG.sync.write(png, { colorType: 2 });
  return encode({ width: side, height: side, data: png.data }, 90).data;
}

/** As many rows as asked for, each with a small file of its own, of few different images. */
async function measureMemory(folder: string, rows: number): Promise<void> {
  const many = join(folder, "many");
  await mkdir(many, { recursive: true });
  const images = Array.from({ length: 200 }, (_, seed) => boardImage(24, seed, "jpg"));
  const paths = Array.from({ length: rows }, (_, at) => join(many, `${at}.jpg`));
  for (const [at, path] of paths.entries()) await writeFile(path, images[at % 199] as Buffer);
  const held = Array.from({ length: Math.floor(rows / 50) }, (_, at) => join(many, `held${at}.jpg`));
  for (const path of held) await writeFile(path, images[199] as Buffer);
  const before = process.memoryUsage().rss;
  const { ms, stall } = await checked(await csvsOf({ training: paths, held }, folder), openContents(new Map()));
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${rows} rows: ${(ms / 1000).toFixed(1)} s, longest stall ${stall.toFixed(0)} ms, peak memory ${peak.toFixed(0)} MB of this process (${(before / 1e6).toFixed(0)} MB before)`,
  );
}
