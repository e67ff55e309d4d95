// A whole loop over a large mining pool, from its first preflight to its report, by the built bin and the embedded engine:
// node bench/run.mjs pool-loop [ROWS] [WIDTH] [FILES] [RULE] (npm run build first). Every pool row has a small image of its own
// beside a golden one that boards share; beyond FILES images the paths are links to earlier ones. The embeddings are
// generated, one row in a hundred of them near an image of the KPI set; with a WIDTH of 0 the engine computes its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { encodeGrayJpeg } from "../engine/workspace/gray-jpeg.ts";
import { changeNetRows, changenetColumns } from "../server/data/changenet.ts";
import { csvPieces } from "../server/data/csv.ts";
import { writeParquet } from "../server/data/parquet.ts";
import { imagesOf } from "../server/run/images.ts";
import { phases } from "./memory.ts";

const side = 24;
const ofBoard = 500;
const bin = resolve("dist", "deft-mcp.js");
const layout = { lightings: ["SolderLight"], image_ext: ".jpg" };

export async function measure(): Promise<void> {
  const [rows = 1_000_000, width = 256, files = rows] = process.argv.slice(2, 5).map(Number);
  const rule = process.argv[5] ?? "pool_error";
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-pool-loop-"));
  try {
    const workspace = join(folder, "boards");
    const phase = phases(folder);
    await command(folder, ["init", workspace, "--example", "--tiny"], {});
    const given = await enlargePool(workspace, rows, files, width);
    console.log(`\n${rows} pool rows on ${files} image files, ${given}, rule ${rule}`);
    phase("making the workspace");
    const asked = ["--workspace", workspace, "--kpi", "FAR < 1% at recall=100%", "--max-iterations", "1"];
    const plan = ["run", "--platform", "embedded", "--mining", rule, "--num-sdg", "0", ...asked];
    const said = await command(folder, plan, {});
    phase("first preflight");
    const planId = /DEFT_APPROVE_PLAN=(\w+)/.exec(said)?.[1];
    if (planId === undefined) throw new Error(said);
    let isClosing = false;
    await command(folder, plan, { DEFT_APPROVE_PLAN: planId }, (line) => {
      const stage = /^(baseline|iter\d+) +(\w+) /.exec(line);
      if (stage !== null) phase(`${stage[1]} ${stage[2]}`);
      if (line.startsWith("Run ") && !isClosing) phase("preflight again, approval");
      if (stage !== null || isClosing) console.log(`    ${line}`);
      isClosing ||= line.startsWith("iteration ");
    });
    phase("close and report");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives the mining pool of a workspace more rows, and embeddings of a `width` to all; says which. */
export async function enlargePool(workspace: string, rows: number, files: number, width: number): Promise<string> {
  const pool = join(workspace, "augmentation", "mining_pool");
  const images = [...(await kpiImages(workspace)), ...(await poolImages(pool)), ...(await addRows(pool, rows, files))];
  return width === 0 ? "the engine's own embeddings" : await writeVectors(pool, images, width);
}

async function kpiImages(workspace: string): Promise<string[]> {
  return await imagesIn(join(workspace, "kpi", "testing_set.csv"), join(workspace, "kpi", "images"));
}

async function poolImages(pool: string): Promise<string[]> {
  return await imagesIn(join(pool, "mining_pool.csv"), pool);
}

async function imagesIn(csv: string, images_dir: string): Promise<string[]> {
  const images: string[] = [];
  for await (const row of changeNetRows(csv)) images.push(imagesOf(row, { ...layout, images_dir })[0]?.input ?? "");
  return images;
}

/** Rows with an image of noise each, that no two share; their paths. */
async function addRows(pool: string, rows: number, files: number): Promise<string[]> {
  const [csv, images] = [createWriteStream(join(pool, "mining_pool.csv"), { flags: "a" }), [] as string[]];
  const golden = join(pool, "images", "many", "golden");
  await mkdir(golden, { recursive: true });
  for (let part = 0; part < ofBoard; part++) await writeFile(nameOf(golden, part), noise(-1 - part));
  for (let first = 0; first < rows; first += ofBoard) {
    const board = `M${first / ofBoard}`;
    const test = join(pool, "images", "many", board);
    await mkdir(test);
    const parts = Array.from({ length: Math.min(ofBoard, rows - first) }, (_, part) => part);
    const paths = parts.map((part) => nameOf(test, part));
    await Promise.all(
      paths.map((path, part) =>
        first + part < files
          ? writeFile(path, noise(first + part))
          : symlink(images[(first + part) % files] ?? "", path),
      ),
    );
    images.push(...paths);
    const cells = { input_path: `images/many/${board}`, golden_path: "images/many/golden", boardname: board };
    const lines = parts.map((part): Record<string, string> => {
      return { ...cells, label: part % 10 === 0 ? "copper" : "PASS", object_name: `P${part}` };
    });
    const table = lines.map((row) => changenetColumns.map((name) => row[name] ?? ""));
    const text = [...csvPieces(changenetColumns, table)].join("");
    if (!csv.write(text.slice(text.indexOf("\n") + 1))) await once(csv, "drain");
  }
  csv.end();
  await once(csv, "finish");
  return images;
}

const nameOf = (folder: string, part: number): string => join(folder, `P${part}_SolderLight.jpg`);

function noise(seed: number): Uint8Array {
  const random = randomOf(seed);
  return encodeGrayJpeg(
    Uint8Array.from({ length: side * side }, () => random() * 256),
    side,
    80,
  );
}

/** Vectors by image, made as they are written: random directions, each hundredth near that of an earlier image. */
async function writeVectors(pool: string, images: readonly string[], width: number): Promise<string> {
  const path = join(pool, "embeddings.parquet");
  const vector = (of: number): number[] => {
    const random = randomOf(of);
    const near = of >= 100 && of % 100 === 0 ? randomOf((of / 100) % 60) : undefined;
    return Array.from({ length: width }, () => {
      const own = Math.fround(random() - 0.5);
      return near === undefined ? own : Math.fround(near() - 0.5 + own / 4);
    });
  };
  await writeParquet(path, [
    { name: "filepath", type: "string", values: images },
    { name: "embedding", type: "double_list", values: { length: images.length, at: vector } },
  ]);
  return `embeddings of ${width} numbers, ${((await stat(path)).size / 1e6).toFixed(0)} MB`;
}

/** Numbers from 0 to 1 that depend on the seed alone. */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed + 0x9e3779b9, 0x85ebca6b) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Runs the bin with a home of its own, by which its processes are known; a plan ends where nobody can be asked. */
function command(
  folder: string,
  argv: readonly string[],
  more: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => undefined,
): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: join(folder, "home"), TMPDIR: folder, ...more };
  const child = spawn(process.execPath, [bin, ...argv], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  createInterface(child.stdout).on("line", (line) => {
    said += `${line}\n`;
    onLine(line);
  });
  child.stderr.on("data", (text) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (status) => {
      const isFine = status === 0 || status === 3 || said.includes("approval.no-terminal");
      if (isFine) resolve(said);
      else reject(new Error(`${argv[0]} ended with ${status}: ${said}`));
    });
  });
}
