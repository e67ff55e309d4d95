import { setImmediate } from "node:timers/promises";
import { imageHeader } from "../data/image-header.ts";
import { Refusal } from "../errors.ts";
import { isInside, realPathSync } from "../fs/contained.ts";
import { readFileStart } from "../fs/head.ts";
import { dataUri, decode, pictureOf } from "./pictures.ts";

/**
 * All pictures of a gallery together, in characters of their data URIs: what a mail or a phone still takes; and how many
 * larger files are decoded and scaled down, which costs some 20 ms each.
 */
export type PictureLimits = { readonly budget: number; readonly decoded: number };
const misjudgedLimits: PictureLimits = { budget: 5_000_000, decoded: 300 };
/** Of these, what pictures may take that nobody may ever ask for. */
const spareBudget = 2_000_000;
/** A file of this size goes in as it is: nothing is decoded, which is what takes the time. */
const verbatimBytes = 16_000;
const verbatimSide = 640;
const scaledSide = 192;

/** The pictures of a gallery, each image once, until their budget is spent. */
export type GalleryPictures = {
  readonly uris: readonly string[];
  /** The number of an image's picture in `uris`; undefined when it cannot be read or there is no room left for its kind. */
  add(path: string, kind?: "needed" | "spare"): Promise<number | undefined>;
};

/** Images are read without a promise each, which costs several times the reading; others get their turn in between. */
const sliceMs = 20;

/** Collects pictures of images below `roots`; nothing else is ever read. */
export function galleryPictures(roots: readonly string[], limits: PictureLimits = misjudgedLimits): GalleryPictures {
  const real = roots.map(realPathSync).filter((root) => root !== undefined);
  const uris: string[] = [];
  const known = new Map<string, number | undefined>();
  const scaling = { left: limits.decoded };
  let spent = 0;
  let began = performance.now();
  return {
    uris,
    async add(path, kind = "needed") {
      if (known.has(path)) return known.get(path);
      const isRoom = spent < (kind === "needed" ? limits.budget : spareBudget);
      const uri = isRoom ? uriOf(path, real, scaling) : undefined;
      spent += uri?.length ?? 0;
      const at = uri === undefined ? undefined : uris.push(uri) - 1;
      known.set(path, at);
      if (performance.now() - began > sliceMs) {
        await setImmediate();
        began = performance.now();
      }
      return at;
    },
  };
}

function uriOf(path: string, roots: readonly string[], scaling: { left: number }): string | undefined {
  const real = realPathSync(path);
  if (real === undefined || !roots.some((root) => isInside(root, real))) return undefined;
  try {
    const { bytes } = readFileStart(real);
    const header = imageHeader(bytes.subarray(0, 65_536), (at) => bytes.subarray(at));
    if (header?.format !== "jpeg" && header?.format !== "png") return undefined;
    const isSmall = Math.max(header.width, header.height) <= verbatimSide;
    if (isSmall && bytes.length <= verbatimBytes) return dataUri(header.format, bytes);
    if (scaling.left-- <= 0) return undefined;
    const image = decode(bytes);
    return image && pictureOf(image, scaledSide).uri;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
