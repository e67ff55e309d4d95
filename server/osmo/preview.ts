import { extname, join } from "node:path";
import jpeg from "jpeg-js";
import { decodePixels } from "../data/decode/decode-image.ts";
import { imageHeader } from "../data/image-header.ts";
import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { containedPath } from "../fs/contained.ts";
import { copyNew } from "../fs/copy.ts";
import { replaceFolder, withScratchFolder } from "../fs/folder.ts";
import { kindOf, readBytes } from "../fs/read.ts";
import { writeNew } from "../fs/tree.ts";
import { scaleDown } from "../report/pictures.ts";
import { flows } from "./flow-table.ts";
import { previewPage } from "./preview-page.ts";
import { noOutputs, type OutputReport, type Run, runKeys } from "./run-outputs.ts";
import { previewColumns, type Selection, selectSamples } from "./samples.ts";

/** Makes `preview/index.html` below `base`: samples aligned across the stages that the flow has. */
export async function makePreview(client: OsmoClient, run: Run, base: string, count: number): Promise<OutputReport> {
  const columns = previewColumns[run.flow];
  if (!columns) throw new Refusal("osmo.no-outputs", `${run.flow} makes no images to show.`, { flow: run.flow });
  const found = await runKeys(client, run);
  const keys = Object.fromEntries(columns.map(({ stage }) => [stage, found[stage] ?? []]));
  const selection = selectSamples(columns, keys, count);
  if (selection.samples.length === 0) throw noOutputs(run, keys);
  const dir = join(base, "preview");
  const replaced = (await kindOf(dir)) !== "absent";
  await replaceFolder(dir, async (fresh) => {
    const images = await collectImages(client, run, base, fresh, selection);
    const page = previewPage({ name: run.name, title: flows[run.flow].title }, selection, images);
    await writeAtomic(join(fresh, "index.html"), page);
  });
  const path = join(dir, "index.html");
  return {
    status_line: `${selection.samples.length} samples of ${run.name} in ${selection.columns.length} columns: ${path}`,
    path,
    replaced,
    columns: selection.columns.map(({ title }) => title),
    dropped: [...selection.dropped],
    samples: selection.samples.length,
  };
}

/** Copies the chosen images into `col<K>`, from an earlier archive where there is one, else from one download. */
async function collectImages(client: OsmoClient, run: Run, base: string, fresh: string, selection: Selection) {
  return withScratchFolder(join(base, "fetch"), async (scratch) => {
    const folder = await sourceFolder(client, run, base, scratch, selection);
    for (const [index] of selection.columns.entries()) await makeDirectory(join(fresh, `col${index + 1}`));
    const rows: string[][] = [];
    for (const sample of selection.samples) {
      const row: string[] = [];
      for (const [index, key] of sample.keys.entries()) {
        const source = join(folder, selection.columns[index]?.stage ?? "", key);
        row.push(await placeImage(source, fresh, `col${index + 1}/${sample.id.replace(/[^\w.-]/g, "_")}`));
      }
      rows.push(row);
    }
    return rows;
  });
}

/** Copies one image, a very large frame as a small JPEG, and returns its path below the page. */
async function placeImage(source: string, fresh: string, stem: string): Promise<string> {
  const small = thumbnailOf(await readBytes(source));
  const name = `${stem}${small ? ".small.jpg" : extname(source)}`;
  if (small) await writeNew(join(fresh, name), small);
  else await copyNew(source, join(fresh, name));
  return name;
}

/** The folder that holds the chosen images by stage and key. */
async function sourceFolder(client: OsmoClient, run: Run, base: string, scratch: string, selection: Selection) {
  const archived = await containedPath([base], join(base, "download", "runs"), "a download");
  const wanted = selection.samples.flatMap(({ keys }) =>
    keys.map((key, index) => `${selection.columns[index]?.stage ?? ""}/${key}`),
  );
  const kinds = await Promise.all(wanted.map((path) => kindOf(join(archived, path))));
  if (kinds.every((kind) => kind === "file")) return archived;
  // The CLI dies on a target that does not exist.
  await makeDirectory(scratch);
  await client.download(`${run.root}/runs/${run.name}`, scratch, `(?:${wanted.map(pythonLiteral).join("|")})$`);
  return scratch;
}

function pythonLiteral(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Frames beyond this many pixels on a side are shown small; a preview of camera frames would weigh hundreds of MB. */
const largeSide = 1600;
const thumbnailSide = 640;
const jpegQuality = 85;
const megapixelLimit = 80;

/** A small JPEG of a very large frame, or undefined when the file can be shown as it is (or cannot be read). */
function thumbnailOf(bytes: Uint8Array): Uint8Array | undefined {
  const header = imageHeader(bytes, (position) => bytes.subarray(position));
  if (header === undefined || Math.max(header.width, header.height) <= largeSide) return undefined;
  // A damaged frame is shown as the browser can; the preview is about the others too.
  const frame = decodePixels(bytes, megapixelLimit);
  return frame && jpeg.encode(scaleDown(frame, thumbnailSide), jpegQuality).data;
}
