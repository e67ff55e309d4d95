// The preflight of a workspace of many images, the first time, again in a new process and with a few images changed, beside
// `find` and a stat each; then of tables of many rows over few images, beside `cat`. Seconds, and memory with all processes:
// node bench/run.mjs workspace [IMAGES] [ROWS]. The bin in dist is what is measured: npm run build first.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { appendFile, cp, mkdir, mkdtemp, open, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodeGrayJpeg } from "../engine/workspace/gray-jpeg.ts";
import { changenetColumns } from "../server/data/changenet.ts";
import { csvPieces } from "../server/data/csv.ts";
import { workspacePaths } from "../server/run/paths.ts";
import { told } from "./memory.ts";

const side = 24;
const ofFolder = 500;
const bin = resolve("dist", "deft-mcp.js");

export async function measure(): Promise<void> {
  const [images, rows] = [Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 1_000_000)];
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-workspace-"));
  try {
    const boards = join(folder, "boards");
    await command(folder, ["init", boards, "--example", "--tiny"]);
    const tables = join(folder, "tables");
    await cp(boards, tables, { recursive: true });
    await measureImages(folder, boards, images);
    if (rows > 0) await measureRows(folder, tables, rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureImages(folder: string, workspace: string, images: number): Promise<void> {
  const pool = join(workspace, "augmentation", "mining_pool");
  await addToPool(pool, images);
  console.log(`\n${images} images of ${side} x ${side} in the pool, each of its own bytes`);
  await told("limit: find -type f -printf", () =>
    program("find", [workspace, "-type", "f", "-printf", "%s %T@ %i %p\n"]),
  );
  const paths = (await readdir(workspace, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  await told("limit: a stat each, in this process", () => {
    for (const path of paths) statSync(path);
  });
  const plan = planOf(workspace);
  await told("node alone", () => command(folder, ["--version"]));
  await told("plan, the first time", () => command(folder, plan));
  await told("plan, again in a new process", () => command(folder, plan));
  await told("and once more", () => command(folder, plan));
  await utimes(paths.find((path) => path.endsWith("P0_SolderLight.jpg")) ?? workspace, new Date(), new Date());
  await told("plan, with one image touched", () => command(folder, plan));
  await addToPool(pool, 200, "late");
  await told("plan, with 200 images more", () => command(folder, plan));
}

/** Training set and pool of many rows that repeat those of the example. */
async function measureRows(folder: string, workspace: string, rows: number): Promise<void> {
  const { trainingCsv, validationCsv, poolCsv } = workspacePaths(workspace);
  for (const csv of [trainingCsv, poolCsv]) await repeatRows(csv, rows);
  console.log(`\n${rows} rows in the training set and in the pool, over the images of the example`);
  await told("limit: cat of the training set", () => program("cat", [trainingCsv]));
  const validate = ["validate", trainingCsv, "--workspace", workspace, "--validation", validationCsv];
  await told("validate, against the validation set", () => command(folder, validate));
  await told("plan, the first time", () => command(folder, planOf(workspace)));
  await told("plan, again in a new process", () => command(folder, planOf(workspace)));
}

async function repeatRows(csv: string, rows: number): Promise<void> {
  const [header, ...lines] = (await readFile(csv, "utf8")).trimEnd().split("\n");
  const file = await open(csv, "w");
  try {
    await file.write(`${header}\n`);
    for (let left = rows; left > 0; left -= lines.length * 1000) {
      const block = Array.from({ length: Math.min(left, lines.length * 1000) }, (_, at) => lines[at % lines.length]);
      await file.write(`${block.join("\n")}\n`);
    }
  } finally {
    await file.close();
  }
}

function planOf(workspace: string): string[] {
  return ["run", "--workspace", workspace, "--kpi", "FAR < 50% at recall=100%", "--max-iterations", "1"];
}

/** Noise that no two images share; golden and inspected image of a part differ by a mark. */
async function addToPool(pool: string, images: number, name = "many"): Promise<void> {
  const rows: string[][] = [];
  for (let part = 0; part < images / 2; part++) {
    const board = `${name}${Math.floor(part / ofFolder)}`;
    const levels = new Uint8Array(side * side);
    for (let at = 0; at < levels.length; at++) levels[at] = Math.floor(Math.random() * 256);
    const paths = ["golden", "test"].map((kind) => join(pool, "images", name, board, kind));
    for (const path of paths) {
      if (part % ofFolder === 0) await mkdir(path, { recursive: true });
      await writeFile(join(path, `P${part}_SolderLight.jpg`), encodeGrayJpeg(levels, side, 80));
      levels.fill(255, 0, side * 4);
    }
    const cells: Record<string, string> = { label: "PASS", object_name: `P${part}`, boardname: board };
    for (const [column, kind] of Object.entries({ input_path: "test", golden_path: "golden" })) {
      cells[column] = `images/${name}/${board}/${kind}`;
    }
    rows.push(changenetColumns.map((column) => cells[column] ?? ""));
  }
  const [, ...lines] = [...csvPieces(changenetColumns, rows)].join("").split("\n");
  await appendFile(join(pool, "mining_pool.csv"), lines.join("\n"));
}

/** Runs the bin with a home of its own; a plan ends where nobody can be asked, and repeated rows are a finding. */
async function command(folder: string, argv: readonly string[]): Promise<void> {
  const env = { PATH: process.env.PATH, HOME: join(folder, "home") };
  const { status, text } = await program(process.execPath, [bin, ...argv], env);
  const foreseen = text.includes("approval.no-terminal") || text.includes("gate.duplicate-row");
  if (status !== 0 && !foreseen) throw new Error(`${argv[0]}: ${text}`);
}

async function program(name: string, argv: readonly string[], env = process.env) {
  const child = spawn(name, argv, { env, stdio: ["ignore", name === process.execPath ? "pipe" : "ignore", "pipe"] });
  const text: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece: Buffer) => text.push(piece));
  const [status] = await once(child, "close");
  return { status: status as number | null, text: Buffer.concat(text).toString() };
}
