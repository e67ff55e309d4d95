import { dirname } from "node:path";
import { kindOf } from "../fs/read.ts";
import { workspacePaths } from "../run/paths.ts";
import type { Lightings } from "./row-images.ts";
import { readSpec } from "./spec.ts";

/** What a workspace without a spec is taken for: one lighting, JPEG (the published validator's defaults). */
const defaultLightings: Lightings = { lightings: ["SolderLight"], image_ext: ".jpg" };

/** The images root of a workspace: `images`, else the older `kpi/images`; undefined without either (tao-stages 1.2). */
export async function imagesRootOf(workspace: string): Promise<string | undefined> {
  const { images, legacyImages } = workspacePaths(workspace);
  if ((await kindOf(images)) === "directory") return images;
  return (await kindOf(legacyImages)) === "directory" ? legacyImages : undefined;
}

/** Lightings and extension of the workspace's baseline spec. @throws what `readSpec` throws for a spec that exists. */
export async function lightingsOf(workspace: string): Promise<Lightings> {
  const { spec } = workspacePaths(workspace);
  if ((await kindOf(spec)) === "absent") return defaultLightings;
  const { lightings, image_ext } = await readSpec(spec);
  return { lightings, image_ext };
}

/** Directories that the paths of a CSV may start from: images root, workspace, the CSV's own (tao-stages 1.6). */
export function rootsFor(csv: string, workspace: string, imagesRoot: string | undefined): string[] {
  return [...new Set([imagesRoot ?? workspace, workspace, dirname(csv)])];
}
