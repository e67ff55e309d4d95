import type { ChangeNetRow } from "../data/changenet.ts";
import { motionOf, type Pair } from "./pairing.ts";
import { slug } from "./parts.ts";

/** The lighting of images whose source names none; it is the suffix that the published tools take by default. */
const onlyLighting = "SolderLight";

/** A lighting as file names and the spec have it. */
export function lightingName(lighting: string): string {
  return lighting === "" ? onlyLighting : slug(lighting);
}

/** Where the two images of a pair lie, relative to the images root. */
export function foldersOfPair({ image, board }: Pair): { input: string; golden: string } {
  const folder = `${slug(image.category)}/${slug(board)}`;
  return { input: `${folder}/test`, golden: `${folder}/golden` };
}

/** One line of a table. */
export function rowOf(pair: Pair): ChangeNetRow {
  const { image, window, alignment, rule, object, label } = pair;
  const { input, golden } = foldersOfPair(pair);
  const cut = window === undefined ? "" : ` at ${window.x} ${window.y} ${window.width}`;
  const { dx_px, dy_px } = motionOf(pair);
  const lies = alignment.correlation === null ? "flat" : `${alignment.correlation} ${dx_px} ${dy_px}`;
  return {
    input_path: input,
    golden_path: golden,
    label,
    object_name: object,
    project: slug(image.category),
    boardname: slug(pair.board),
    is_valid: "1",
    comp_name: image.place ?? "",
    description: `imported ${image.name}${cut}; golden by ${rule}; alignment ${lies}`,
    comp_type_1: slug(image.category),
  };
}
