import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { type ChangeNetRow, writeChangeNet } from "../../server/data/changenet.ts";
import { makeDirectory } from "../../server/fs/atomic.ts";
import { createTree, writeNew } from "../../server/fs/tree.ts";
import { changing } from "../../server/fs/write-failure.ts";
import { workspacePaths } from "../../server/run/paths.ts";
import { JPEG_QUALITY, TEXTURE, writeGeneratorAssets } from "./assets.ts";
import { encodeGrayJpeg } from "./gray-jpeg.ts";
import {
  type PlannedRow,
  planRows,
  type Split,
  sizes,
  splits,
  type WorkspaceFacts,
  type WorkspaceSize,
} from "./rows.ts";
import { specText } from "./spec.ts";
import { type Pair, photographRow } from "./window.ts";

const PROJECT = "boards";
const specComment = `Visual ChangeNet classify: the baseline of this generated workspace. Paths are those inside a container;
# the server writes its own absolute paths into the spec of every run.`;
const LIGHT = "SolderLight";

type Options = { readonly seed: number; readonly size: WorkspaceSize };

/**
 * Creates a complete AOI workspace of procedural board images in `dir`: seed, validation and KPI rows, a mining pool
 * and the defect generator's reference data. The same seed and size give the same bytes.
 *
 * The tree appears at once when it is complete; a failure leaves nothing behind.
 *
 * @throws Refusal `input.workspace-exists` when `dir` holds anything.
 */
export async function generateWorkspace(dir: string, options: Options): Promise<WorkspaceFacts> {
  const { side, generator, rows } = sizes[options.size];
  const facts: WorkspaceFacts = {
    workspace: dir,
    ...options,
    image_side: side,
    rows,
    generator: { project: PROJECT, texture: TEXTURE, clean_images: generator },
  };
  await createTree(dir, async (root) => {
    const pool = writePool(root, options);
    // Waited for below; should something else fail first, its own failure is no news.
    pool.catch(() => undefined);
    for (const split of splits) if (split !== "mining_pool") await writeSplit(root, split, options);
    const datasets = join(workspacePaths(root).anomalygen, "datasets", PROJECT);
    await writeGeneratorAssets(datasets, side, generator, options.seed);
    await writeFileIn(workspacePaths(root).spec, specText(specComment));
    const { workspace: _, ...kept } = facts;
    await writeNew(join(root, "build_info.json"), `${JSON.stringify(kept, null, 2)}\n`);
    await writeNew(join(root, "README.md"), workspaceReadme(kept));
    await pool;
  });
  return facts;
}

/** The pool is half of all images: a second process draws it meanwhile where there are a core and the bin for one. */
async function writePool(root: string, options: Options): Promise<void> {
  const bin = process.argv[1] ?? "";
  const shared = options.size === "standard" && availableParallelism() > 1 && /deft-mcp(\.js)?$/.test(bin);
  if (!shared) return await writeSplit(root, "mining_pool", options);
  const args = [bin, "engine", "draw_boards", root, "mining_pool", options.size, String(options.seed)];
  const drawer = spawn(process.execPath, args, { stdio: "ignore" });
  const ended = await once(drawer, "exit").catch(() => []);
  if (ended[0] === 0) return;
  // What it left would stand in the way of drawing it here.
  await rm(dirname(workspacePaths(root).poolCsv), { recursive: true, force: true });
  await writeSplit(root, "mining_pool", options);
}

/** `draw_boards ROOT SPLIT SIZE SEED`: one split of a workspace that another process draws the rest of. */
export async function drawBoards([root = "", split, size, seed]: string[]): Promise<number> {
  await writeSplit(root, split as Split, { size: size as WorkspaceSize, seed: Number(seed) });
  return 0;
}

/** Where a split's table lies, and what its image paths are relative to. */
function placeOf(root: string, split: Split): { csv: string; images: string; prefix: string } {
  const paths = workspacePaths(root);
  const images = paths.legacyImages;
  if (split === "mining_pool") return { csv: paths.poolCsv, images: dirname(paths.poolCsv), prefix: "images/" };
  const csv = { train: paths.trainingCsv, validation: paths.validationCsv, kpi: paths.kpiCsv }[split];
  return { csv, images, prefix: "" };
}

async function writeSplit(root: string, split: Split, options: Options): Promise<void> {
  const { csv, images, prefix } = placeOf(root, split);
  const { side } = sizes[options.size];
  const rows: ChangeNetRow[] = [];
  const made = new Set<string>();
  for (const row of planRows(split, sizes[options.size].rows[split], options.seed)) {
    const pair = photographRow(row, side, options.seed);
    const folder = `${prefix}${row.style}/${row.board}`;
    await writePair(await withSides(join(images, folder), made), row, pair, side);
    rows.push(tableRow(row, pair, folder));
  }
  await makeDirectory(dirname(csv));
  await writeChangeNet(csv, rows);
}

/** A board's folder with those of its tested and its golden images, made once. */
async function withSides(folder: string, made: Set<string>): Promise<string> {
  if (!made.has(folder)) for (const side of ["test", "golden"]) await makeDirectory(join(folder, side));
  made.add(folder);
  return folder;
}

async function writePair(folder: string, row: PlannedRow, pair: Pair, side: number): Promise<void> {
  const name = `${row.object}_${LIGHT}.jpg`;
  for (const role of ["test", "golden"] as const) {
    const path = join(folder, role, name);
    const image = encodeGrayJpeg(pair[role], side, JPEG_QUALITY);
    // A promise costs several times what so small a file does.
    await changing(path, async () => writeFileSync(path, image, { flag: "wx" }));
  }
}

function tableRow(row: PlannedRow, pair: Pair, folder: string): ChangeNetRow {
  const place =
    pair.defect_at === undefined
      ? "no defect"
      : `${row.label} at ${Math.round(pair.defect_at.x)} ${Math.round(pair.defect_at.y)}`;
  return {
    input_path: `${folder}/test`,
    golden_path: `${folder}/golden`,
    label: row.label,
    object_name: row.object,
    project: row.style,
    boardname: row.board,
    is_valid: "1",
    description: `generated; ${place}; nuisance ${pair.nuisance.join("+") || "none"}`,
    comp_type_1: TEXTURE,
  };
}

async function writeFileIn(path: string, data: string | Uint8Array): Promise<void> {
  await makeDirectory(dirname(path));
  await writeNew(path, data);
}

function workspaceReadme(facts: Omit<WorkspaceFacts, "workspace">): string {
  const labels = Object.keys(facts.rows.kpi);
  const rows = Object.entries(facts.rows).map(
    ([split, counts]) => `| ${split} | ${Object.values(counts).join(" | ")} |`,
  );
  return `# Generated board workspace

Every image here is drawn by a program (seed ${facts.seed}, size ${facts.size}): no board was photographed, and results on it say
nothing about a real inspection line. It has the layout of a real workspace, so the whole loop can be rehearsed.

| split | ${labels.join(" | ")} |
|---|${labels.map(() => "---").join("|")}|
${rows.join("\n")}

The seed set is small, lopsided and clean. The KPI rows and the mining pool also show shift, rotation, other light, moved
edges, dust and print, which are no defects: a model trained on the seed set alone takes some of them for defects, and
the pool can teach it better.

- \`specs/baseline_spec.yaml\`: the train spec
- \`train/base/\`, \`kpi/\`: seed, validation and KPI rows; their images are under \`kpi/images/\`
- \`augmentation/mining_pool/\`: rows to mine, with their own images
- \`augmentation/anomalygen/datasets/${facts.generator.project}/\`: clean images, cad masks and defect masks for the defect generator
- \`build_info.json\`: the figures above as data
`;
}
