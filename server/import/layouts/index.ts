import type { Layout } from "../source.ts";
import { coco } from "./coco.ts";
import { deeppcb } from "./deeppcb.ts";
import { folders } from "./folders.ts";
import { mvtec } from "./mvtec.ts";
import { realIad } from "./real-iad.ts";
import { visa } from "./visa.ts";
import { hripcb, voc } from "./voc.ts";
import { yolo } from "./yolo.ts";

/** Every layout, the most particular first: a folder is read by the first that fits. */
export const layouts: readonly Layout[] = [visa, realIad, deeppcb, hripcb, mvtec, voc, coco, yolo, folders];
