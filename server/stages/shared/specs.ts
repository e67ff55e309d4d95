import { layoutOf, readSpec } from "../../data/spec.ts";
import type { StageContext } from "../../ports/stage.ts";
import type { ImageLayout } from "../../run/images.ts";
import { previousLabel } from "../../run/labels.ts";
import { present } from "./committed.ts";

/** The exact spec that this iteration trained with; a run taken over may have recorded none and used the workspace's. */
export function trainedSpec(context: StageContext): string {
  return present(context).training_spec ?? context.state.config.specs_file;
}

/** The spec that this iteration's training will be derived from: the previous iteration's, at first the workspace's. */
export function inheritedSpec(context: StageContext): string {
  const previous = previousLabel(context.iteration);
  return (previous && context.state.iterations[previous]?.training_spec) ?? context.state.config.specs_file;
}

/** The image layout that a train spec gives to rows relative to `imagesDir`. */
export async function layoutFrom(specPath: string, imagesDir: string): Promise<ImageLayout> {
  return layoutOf(await readSpec(specPath), imagesDir);
}
