import { extname, join, posix } from "node:path";
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
import { noOutputs, type OutputReport, type Run, stageKeys, stageUrl } from "./run-outputs.ts";
import { previewColumns, type Selection, selectSamples } from "./samples.ts";

/** Makes `preview/index.html` below `base`: samples aligned across the stages that the flow has. */
export async function makePreview(client: OsmoClient, run: Run, base: string, count: number): Promise<OutputReport> {
  const columns = previewColumns[run.flow];
  if (!columns) throw new Refusal("osmo.no-outputs", `${run.flow} makes no images to show.`, { flow: run.flow });
  const stages = [...new Set(columns.map(({ stage }) => stage))];
  const keys: Record<string, string[]> = {};
  for (const stage of stages) keys[stage] = await stageKeys(client, run, stage);
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

/** Copies the chosen images into `col<K>`, from an earlier archive's download where there is one. */
async function collectImages(client: OsmoClient, run: Run, base: string, fresh: string, selection: Selection) {
  return withScratchFolder(join(base, "fetch"), async (scratch) => {
    for (const [index] of selection.columns.entries()) await makeDirectory(join(fresh, `col${index + 1}`));
    const rows: string[][] = [];
    for (const sample of selection.samples) {
      const row: string[] = [];
      for (const [index, key] of sample.keys.entries()) {
        const stage = selection.columns[index]?.stage ?? "";
        const source = join(await sourceOf(client, run, base, scratch, stage, posix.dirname(key)), posix.basename(key));
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

/** The local folder that holds a stage's sub-folder, downloading it when no archive did. */
async function sourceOf(client: OsmoClient, run: Run, base: string, scratch: string, stage: string, folder: string) {
  const archived = await containedPath([base], join(base, "download", "runs", stage, folder), "a download");
  if ((await kindOf(archived)) === "directory") return archived;
  const local = join(scratch, stage, folder);
  if ((await kindOf(local)) !== "directory") {
    // The CLI dies on a target that does not exist.
    await makeDirectory(local);
    await client.download(`${stageUrl(run, stage)}/${folder}`, local);
  }
  return local;
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
