// The preflight of a workspace of many images, the first time and again in a new process, beside `find` and a stat each:
// node bench/run.mjs workspace [IMAGES]. The bin in dist is what is measured: npm run build first.
import { spawnSync } from "node:child_process";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodeGrayJpeg } from "../engine/workspace/gray-jpeg.ts";
import { changenetColumns } from "../server/data/changenet.ts";
import { csvPieces } from "../server/data/csv.ts";

const side = 24;
const ofFolder = 500;
const bin = resolve("dist", "deft-mcp.js");

export async function measure(): Promise<void> {
  const images = Number(process.argv[2] ?? 100_000);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-workspace-"));
  try {
    const workspace = join(folder, "boards");
    command(folder, ["init", workspace, "--example", "--tiny"]);
    await addToPool(join(workspace, "augmentation", "mining_pool"), images);
    console.log(`\n${images} images of ${side} x ${side} in the pool, each of its own bytes`);
    await told("limit: find -type f -printf", () => {
      spawnSync("find", [workspace, "-type", "f", "-printf", "%s %T@ %i %p\n"], { stdio: "ignore" });
    });
    const plan = ["run", "--workspace", workspace, "--kpi", "FAR < 50% at recall=100%", "--max-iterations", "1"];
    await told("node alone", () => command(folder, ["--version"]));
    await told("plan, the first time", () => command(folder, plan));
    await told("plan, again in a new process", () => command(folder, plan));
    await told("and once more", () => command(folder, plan));
    await addToPool(join(workspace, "augmentation", "mining_pool"), 200, "late");
    await told("plan, with 200 images more", () => command(folder, plan));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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

/** Runs the bin with a home of its own; a plan ends where nobody can be asked. */
function command(folder: string, argv: readonly string[]): void {
  const env = { PATH: process.env.PATH, HOME: join(folder, "home") };
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...argv], { encoding: "utf8", env });
  if (status !== 0 && !stderr.includes("approval.no-terminal")) throw new Error(`${argv[0]}: ${stderr}${stdout}`);
}

async function told(what: string, work: () => void): Promise<void> {
  const started = performance.now();
  work();
  const seconds = (performance.now() - started) / 1000;
  console.log(`  ${what.padEnd(36)} ${seconds.toFixed(2).padStart(7)} s`);
}
