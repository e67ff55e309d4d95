import type { Layout } from "../source.ts";
import { folders } from "./folders.ts";
import { mvtec } from "./mvtec.ts";

/** Every layout, the most particular first: a folder is read by the first that fits. */
export const layouts: readonly Layout[] = [mvtec, folders];
