import { existsSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { EngineFailure } from "../failure.ts";
import { decodeGray, decodePixels } from "../image/decode.ts";
import type { Gray } from "../image/gray.ts";
import { findMaterials } from "../pair/exposure.ts";
import { readImageFile } from "../pair/pair-reader.ts";
import { type DefectKind, findCleanImages } from "./defect-spec.ts";
import {
  type ClassMap,
  cadCandidates,
  classifyPixels,
  groupsOf,
  type LabelColours,
  readLabelColours,
  regionOf,
} from "./regions.ts";
import type { Brings } from "./render.ts";

const BRIDGE_REACH_PX = 40;

export type SceneOptions = { dataset_dir: string; clean_dir: string; labels_path: string };

/** A clean image with what placing one kind of defect on it needs. */
export type Scene = {
  path: string;
  stem: string;
  width: number;
  height: number;
  anchors: number[] | undefined;
  target: Uint8Array | undefined;
  groups: Int32Array | undefined;
  brings: Brings | undefined;
};

/** Scenes by number, each read when it is first asked for: few are tried where there are many. */
export type Scenes = { readonly length: number; at(index: number): Scene };

/** Clean images that this kind may be placed on; one without its colour mask, or a mask without its image, drops out. */
export function openScenes(kind: DefectKind, options: SceneOptions): Scenes {
  const hasLabels = existsSync(options.labels_path);
  if (kind.dependency === "cad" && !hasLabels) {
    throw new EngineFailure("FileNotFoundError", `[Errno 2] No such file or directory: '${options.labels_path}'`);
  }
  const colours = hasLabels ? readLabelColours(options.labels_path) : undefined;
  const maskOf = (path: string) =>
    join(options.dataset_dir, kind.texture, "cad_mask", `${basename(path, extname(path))}.png`);
  const clean = findCleanImages(options.clean_dir, kind.texture).filter(
    (path) => kind.dependency !== "cad" || existsSync(maskOf(path)),
  );
  const opened = new Map<string, Scene>();
  return {
    length: clean.length,
    at(index) {
      const path = clean[index] as string;
      const scene = opened.get(path) ?? openScene(path, maskOf(path), colours, kind);
      opened.set(path, scene);
      return scene;
    },
  };
}

function openScene(path: string, maskPath: string, colours: LabelColours | undefined, kind: DefectKind): Scene {
  const image = decodeGray(readImageFile(path), path);
  const hasMap = colours !== undefined && existsSync(maskPath);
  return sceneOf(path, image, hasMap ? readClassMap(maskPath, image, colours) : undefined, kind);
}

function readClassMap(path: string, image: Gray, colours: LabelColours): ClassMap | undefined {
  const map = classifyPixels(decodePixels(readFileSync(path), path), colours);
  return map.width === image.width && map.height === image.height ? map : undefined;
}

function sceneOf(path: string, image: Gray, map: ClassMap | undefined, kind: DefectKind): Scene {
  const { width, height } = image;
  const { dark, light } = findMaterials(image.data, image.data);
  const isDark = Uint8Array.from(image.data, (level) => (level < (dark + light) / 2 ? 1 : 0));
  const conductor = map === undefined ? isDark : regionOf(map, ["pad", "solder"]);
  const overlap = conductor.reduce((sum, on, p) => sum + (on === 1 ? (isDark[p] === 1 ? 1 : -1) : 0), 0);
  const copper: Brings = overlap >= 0 ? "dark" : "light";
  const base: Scene = {
    path,
    stem: basename(path, extname(path)),
    width,
    height,
    anchors: undefined,
    target: undefined,
    groups: undefined,
    brings: undefined,
  };
  const added =
    kind.copper_change === "added" || (kind.copper_change === undefined && /bridge|excess/i.test(kind.type));
  if (kind.copper_change !== undefined || kind.dependency === "cad") {
    const ground = copper === "dark" ? isDark : isDark.map((on) => 1 - on);
    base.target = added ? ground.map((on) => 1 - on) : ground;
    base.brings = added ? copper : copper === "dark" ? "light" : "dark";
  }
  if (kind.dependency !== "cad") return base;
  const candidates = map === undefined ? undefined : cadCandidates(map, kind.type, BRIDGE_REACH_PX);
  base.anchors = [];
  candidates?.forEach((on, p) => void (on === 1 && base.anchors?.push(p)));
  if (/bridge/i.test(kind.type)) base.groups = groupsOf(conductor, width, height);
  return base;
}
