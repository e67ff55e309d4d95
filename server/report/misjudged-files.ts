import { csvPieces } from "../data/csv.ts";
import { imageHeader } from "../data/image-header.ts";
import { inertCell } from "../data/spreadsheet.ts";
import { Refusal } from "../errors.ts";
import { readBytes } from "../fs/read.ts";
import { defined } from "../run/defined.ts";
import type { ExportFormat } from "../run/labels.ts";

/** One misjudged part as it is handed on; paths are absolute, of the first lighting. */
export type Listed = {
  readonly part: string;
  readonly label: string;
  readonly board: string;
  readonly component: string;
  readonly judged: "missed" | "false_alarm";
  readonly score: number;
  readonly change: "newly_wrong" | "still_wrong" | null;
  readonly image: string | null;
  readonly golden: string | null;
};

export type Listing = {
  readonly run: string;
  readonly iteration: string;
  readonly threshold: number;
  readonly parts: readonly Listed[];
};

/** The text of a listing in the form that another tool reads. */
export async function exportText(format: ExportFormat, listing: Listing): Promise<string> {
  if (format === "csv") return csvText(listing);
  const made = { coco: cocoOf, fiftyone: fiftyoneOf, labelstudio: labelStudioOf }[format](listing);
  return `${JSON.stringify(await made, null, 2)}\n`;
}

function csvText({ threshold, parts }: Listing): string {
  const header = ["part", "label", "board", "component", "judged", "score", "threshold", "change", "image", "golden"];
  const rows = parts.map((one) => {
    const { part, label, board, component, judged, score, change, image, golden } = one;
    const texts = [part, label, board, component].map(inertCell);
    return [...texts, judged, String(score), String(threshold), change ?? "", image ?? "", golden ?? ""];
  });
  return [...csvPieces(header, rows)].join("");
}

/** COCO: an image each, and one annotation that covers it, with score and verdict beside the category. */
async function cocoOf({ run, iteration, threshold, parts }: Listing) {
  const categories = [...new Set(parts.map(({ label }) => label))].map((name, at) => ({ id: at + 1, name }));
  const idOf = new Map(categories.map(({ id, name }) => [name, id]));
  const images = [];
  const annotations = [];
  for (const [at, { part, label, judged, score, board, component, image, golden }] of parts.entries()) {
    const { width, height } = await sizeOf(image);
    const id = at + 1;
    images.push({ id, file_name: image ?? part, width, height, board, component, golden });
    const area = width * height;
    const place = { bbox: [0, 0, width, height], area, iscrowd: 0, segmentation: [] };
    annotations.push({ id, image_id: id, category_id: idOf.get(label), ...place, score, judged });
  }
  return {
    info: { description: `misjudged parts of ${run} ${iteration}`, threshold },
    images,
    annotations,
    categories,
  };
}

async function sizeOf(path: string | null): Promise<{ width: number; height: number }> {
  const none = { width: 0, height: 0 };
  if (path === null) return none;
  try {
    const bytes = await readBytes(path);
    return imageHeader(bytes.subarray(0, 65_536), (at) => bytes.subarray(at)) ?? none;
  } catch (error) {
    if (error instanceof Refusal) return none;
    throw error;
  }
}

/** What `fiftyone.Dataset.from_dict` reads: a sample each, the label as ground truth, the verdict as a tag. */
function fiftyoneOf({ run, iteration, threshold, parts }: Listing) {
  const samples = parts
    .filter(({ image }) => image !== null)
    .map(({ part, label, board, component, judged, score, change, image, golden }) => ({
      filepath: image,
      tags: [judged, ...(change === null ? [] : [change])],
      ground_truth: { _cls: "Classification", label },
      ...defined({ part, board, component, score, golden: golden ?? undefined }),
    }));
  return { name: `${run}-${iteration}-misjudged`, media_type: "image", info: { run, iteration, threshold }, samples };
}

/**
 * Tasks for Label Studio: both images, served from its local files (`LOCAL_FILES_DOCUMENT_ROOT=/`), and what the model said, as a
 * prediction to be judged under `labelStudioView`.
 */
function labelStudioOf({ run, iteration, parts }: Listing) {
  return parts.map(({ part, label, board, component, judged, score, image, golden }) => ({
    data: {
      image: localFile(image),
      golden: localFile(golden),
      part,
      label,
      board,
      component,
    },
    predictions: [
      {
        model_version: `${run} ${iteration}`,
        score,
        result: [{ from_name: "verdict", to_name: "image", type: "choices", value: { choices: [judged] } }],
      },
    ],
  }));
}

function localFile(path: string | null): string | null {
  return path && `/data/local-files/?d=${encodeURIComponent(path.slice(1)).replaceAll("%2F", "/")}`;
}

/** The labelling interface that the tasks fit, on one line. */
export const labelStudioView = `<View><Image name="image" value="$image"/><Image name="golden" value="$golden"/><Choices name="verdict" toName="image"><Choice value="missed"/><Choice value="false_alarm"/></Choices></View>`;
