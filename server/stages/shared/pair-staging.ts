import { join } from "node:path";
import { encode as encodeJpeg } from "jpeg-js";
import { PNG } from "pngjs";
import type { ChangeNetRow } from "../../data/changenet.ts";
import { decodePixels, type Pixels } from "../../data/decode/decode-image.ts";
import { Refusal } from "../../errors.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { listNames, readBytes } from "../../fs/read.ts";
import { labelOfFile } from "./allocation.ts";

export type PairRequest = {
  /** Images with the defect, and the same images without. */
  readonly ng_dir: string;
  readonly ok_dir: string;
  /** Root that the rows' paths are relative to. */
  readonly images_dir: string;
  /** Pairs go to `<images_dir>/<subdir>_ng` and `_ok`. */
  readonly subdir: string;
  readonly lighting: string | undefined;
  readonly image_ext: string;
  /** File names that must not be used. */
  readonly exclude: ReadonlySet<string>;
};

/** `ingest_summary.json`, with the published keys. */
export type IngestSummary = {
  readonly input_count: number;
  readonly paired_count: number;
  readonly skipped_unpaired_count: number;
  readonly skipped_unpaired_examples: readonly string[];
  readonly converted_to_jpg_count: number;
  readonly labels: Readonly<Record<string, number>>;
  readonly ng_staging_dir: string;
  readonly ok_staging_dir: string;
  readonly output_csv: string;
};

export type StagedPairs = {
  readonly rows: readonly ChangeNetRow[];
  readonly summary: Omit<IngestSummary, "output_csv">;
};

/** Pairs written at once: each write waits for the disk. */
const batchSize = 16;

const imageName = /\.(png|jpe?g)$/i;

/** File names of the images in a directory. */
export async function listImages(dir: string): Promise<string[]> {
  return (await listNames(dir)).filter((name) => imageName.test(name));
}

/**
 * Copies generated pairs to where training rows can name them: `<stem>_<lighting><ext>`, re-encoded when the format
 * differs. A defect image without its twin is left out and counted (tao-stages 4.8).
 *
 * @throws Refusal `gate.bad-image` for an image that cannot be decoded.
 */
export async function stagePairs(request: PairRequest): Promise<StagedPairs> {
  const names = (await listImages(request.ng_dir)).filter((name) => !request.exclude.has(name));
  const twins = new Set(await listImages(request.ok_dir));
  const paired = names.filter((name) => twins.has(name));
  let converted = 0;
  for (let at = 0; at < paired.length; at += batchSize) {
    const batch = paired.slice(at, at + batchSize);
    const changed = await Promise.all(batch.map((name) => stagePair(request, name)));
    converted += changed.reduce((sum, count) => sum + count, 0);
  }
  const rows = paired.map((name) => rowOf(request.subdir, name));
  const labels = new Map<string, number>();
  for (const { label } of rows) labels.set(label, (labels.get(label) ?? 0) + 1);
  const unpaired = names.filter((name) => !twins.has(name));
  return {
    rows,
    summary: {
      input_count: names.length,
      paired_count: rows.length,
      skipped_unpaired_count: unpaired.length,
      skipped_unpaired_examples: unpaired.slice(0, 10),
      converted_to_jpg_count: converted,
      labels: Object.fromEntries(labels),
      ng_staging_dir: stagingDir(request, "ng"),
      ok_staging_dir: stagingDir(request, "ok"),
    },
  };
}

function rowOf(subdir: string, name: string): ChangeNetRow {
  const object_name = name.replace(imageName, "");
  return { input_path: `${subdir}_ng/`, golden_path: `${subdir}_ok/`, label: labelOfFile(name), object_name };
}

/** @returns how many of the two images were re-encoded. */
async function stagePair(request: PairRequest, name: string): Promise<number> {
  const suffix = request.lighting === undefined ? "" : `_${request.lighting}`;
  const target = name.replace(imageName, "") + suffix + request.image_ext;
  let converted = 0;
  for (const side of ["ng", "ok"] as const) {
    const from = join(side === "ng" ? request.ng_dir : request.ok_dir, name);
    const { bytes, changed } = inFormat(await readBytes(from), request.image_ext, from);
    if (changed) converted++;
    await writeAtomic(join(stagingDir(request, side), target), bytes);
  }
  return converted;
}

/** Where one side of the pairs is staged. */
export function stagingDir(request: Pick<PairRequest, "images_dir" | "subdir">, side: "ng" | "ok"): string {
  return join(request.images_dir, `${request.subdir}_${side}`);
}

/** The image in the format of an extension; unchanged when it has that format already. */
function inFormat(bytes: Uint8Array, ext: string, path: string): { bytes: Uint8Array; changed: boolean } {
  const wanted = /^\.jpe?g$/i.test(ext) ? "jpeg" : ext.toLowerCase() === ".png" ? "png" : undefined;
  const found = formatOf(bytes);
  if (wanted === undefined || found === undefined) {
    throw new Refusal("gate.bad-image", "A generated image has a format that cannot be staged.", { path, ext });
  }
  if (found === wanted) return { bytes, changed: false };
  const pixels = decodePixels(bytes);
  if (pixels === undefined) throw new Refusal("gate.bad-image", "A generated image cannot be decoded.", { path });
  return { bytes: found === "png" ? jpegOf(pixels) : pngOf(pixels), changed: true };
}

function formatOf(bytes: Uint8Array): "png" | "jpeg" | undefined {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return "png";
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? "jpeg" : undefined;
}

/** Quality 95, RGB, as the published recipe stages its pairs. */
function jpegOf({ width, height, data }: Pixels): Uint8Array {
  return encodeJpeg({ width, height, data }, 95).data;
}

function pngOf({ width, height, data }: Pixels): Uint8Array {
  const png = new PNG({ width, height });
  png.data = Buffer.from(data);
  return PNG.sync.write(png);
}
