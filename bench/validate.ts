// How long the checks of a training CSV take, beside one stat an image, which any check of existence needs.
import { statSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRowColumns } from "../server/data/row-columns.ts";
import { validateCsv } from "../server/data/validate.ts";
import { show, timed, timedCommand } from "./timing.ts";

const columns =
  "input_path,golden_path,label,object_name,project,boardname,comp_type_2,mpass_mfail,is_valid,comp_name,part_type,number_of_pins,description,comp_type_1";
const rowsPerBoard = 500;
const heldRows = 20_000;
const layout = { lightings: ["SolderLight"], image_ext: ".jpg" };

export async function measure(bundles: string): Promise<void> {
  for (const rows of [30_000, 300_000]) {
    const workspace = await mkdtemp(join(tmpdir(), "deft-bench-validate-"));
    try {
      await measureRows(bundles, workspace, rows);
    } finally {
      await rm(workspace, { recursive: true, force: true });
    }
  }
}

async function measureRows(bundles: string, workspace: string, rows: number): Promise<void> {
  const images = await makeWorkspace(workspace, rows);
  const csv = join(workspace, "train.csv");
  const validation_csv = join(workspace, "validation.csv");
  console.log(`\n${rows} rows, ${images.length} images, key and path leakage against ${heldRows} rows`);
  show("limit: reading the file", await timed(() => readFile(csv)));
  show(
    "limit: one stat an image",
    await timed(() => {
      for (const path of images) statSync(path);
    }),
  );
  show("reading and parsing the CSV", await timed(() => readRowColumns(csv)));
  const images_root = join(workspace, "images");
  show(
    "work alone: existence, headers, duplicates, leakage",
    await timed(() => validateCsv({ csv, workspace, images_root, lightings: layout, validation_csv })),
  );
  const argv = [csv, "--workspace", workspace, "--validation", validation_csv, "--json"];
  show("whole process: deft-mcp validate CSV --validation CSV", await timedCommand(bundles, "validate", argv));
}

/** Two images a row, written once each; the validation rows are others, relative to the workspace. */
async function makeWorkspace(workspace: string, rows: number): Promise<string[]> {
  const paths: string[] = [];
  const row = (prefix: string, board: number, object: string, label: string) =>
    `${prefix}b${board}/,${prefix}g${board}/,${label},${object},p,b${board},C,MPASS,1,C,3,8,CAP X6S 0402 1uF,3`;
  const lines = [columns];
  for (let board = 0; board * rowsPerBoard < rows + heldRows; board++) {
    for (const side of ["b", "g"]) await mkdir(join(workspace, "images", `${side}${board}`), { recursive: true });
    for (let part = 0; part < rowsPerBoard; part++) {
      const held = board * rowsPerBoard >= rows;
      const written = ["b", "g"].map((side) =>
        join(workspace, "images", `${side}${board}`, `C${part}@1_SolderLight.jpg`),
      );
      await Promise.all(written.map((path) => writeFile(path, jpegStart)));
      if (held) continue;
      paths.push(...written);
      lines.push(row("", board, `C${part}@1`, part % 10 === 0 ? "missing" : "PASS"));
    }
  }
  const firstHeld = rows / rowsPerBoard;
  const held = Array.from({ length: heldRows }, (_, at) =>
    row("images/", firstHeld + Math.floor(at / rowsPerBoard), `C${at % rowsPerBoard}@1`, "PASS"),
  );
  await writeFile(join(workspace, "train.csv"), `${lines.join("\n")}\n`);
  await writeFile(join(workspace, "validation.csv"), `${[columns, ...held].join("\n")}\n`);
  return paths;
}

/** A JFIF header with two quantisation tables before the size, as cameras write it. */
const jpegStart = Buffer.concat([
  Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]),
  Buffer.alloc(14),
  ...[0, 1].map((table) => Buffer.concat([Buffer.from([0xff, 0xdb, 0, 67, table]), Buffer.alloc(64, 1)])),
  Buffer.from([0xff, 0xc0, 0, 17, 8, 0, 96, 0, 96, 3]),
  Buffer.alloc(400),
]);
