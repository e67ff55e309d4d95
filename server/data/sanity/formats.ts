import { excerpt } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import type { ImageIndex, SeenFormat } from "../image-index.ts";
import { createNumberSet, type NumberColumn } from "../number-list.ts";
import { inTurns } from "../pause.ts";
import { exampleLimit, type SetFinding } from "./finding.ts";

/** What reads the images of a run; undefined when no run is planned. */
export type Reader = "tao" | "embedded" | undefined;

const names: Readonly<Record<SeenFormat, string>> = {
  jpeg: "JPEG",
  png: "PNG",
  bmp: "BMP",
  tiff: "TIFF",
  webp: "WebP",
  "deep png": "16-bit gray PNG",
  "deep tiff": "gray TIFF of more than 8 bits",
};

/**
 * Images that the engine of the run cannot read although TAO can, and gray of more than eight bits: TAO's loader does
 * not scale it but cuts it off, so that all but the darkest levels become white.
 */
export async function formatFindings(
  images: readonly NumberColumn[],
  index: ImageIndex,
  reader: Reader,
  signal?: AbortSignal,
): Promise<SetFinding[]> {
  const byFormat = new Map<SeenFormat, number[]>();
  const seen = createNumberSet(index.size());
  for (const some of images) {
    const take = (at: number): void => {
      const file = index.identityOf(some.at(at));
      const format = seen.add(file) ? index.formatOf(file) : undefined;
      if (format === undefined || format === "jpeg" || format === "png") return;
      const group = byFormat.get(format);
      if (group === undefined) byFormat.set(format, [file]);
      else group.push(file);
    };
    await inTurns(some.length, take, signal);
  }
  return [...byFormat].flatMap(([format, files]) => {
    const verdict = judge(format, reader);
    if (verdict === undefined) return [];
    const text = `${counted(files.length, "image is", "images are")} ${names[format]}: ${verdict.why}`;
    const examples = files.slice(0, exampleLimit).map((file) => ({ path: excerpt(index.pathOf(file), 300) }));
    return [{ code: "gate.image-format", weight: verdict.weight, count: files.length, text, examples }];
  });
}

function judge(format: SeenFormat, reader: Reader): { weight: SetFinding["weight"]; why: string } | undefined {
  const deep = format === "deep png" || format === "deep tiff";
  if (reader === "embedded" && format !== "deep png") {
    return { weight: "halt", why: "the embedded engine reads JPEG and PNG only, TAO reads it" };
  }
  if (!deep) return undefined;
  const why = "TAO cuts its levels off at 255 instead of scaling them; convert it to 8 bits";
  return { weight: reader === "tao" ? "halt" : "warning", why };
}
