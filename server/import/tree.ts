import { basename } from "node:path";
import { Refusal } from "../errors.ts";
import { filesBelow } from "../fs/folder.ts";
import { kindOf } from "../fs/read.ts";
import { noFolder } from "../run/nearest.ts";
import type { Tree } from "./source.ts";

const decodable = /\.(png|jpe?g)$/i;
const foreign = /\.(bmp|tiff?|webp|gif|heic)$/i;

/**
 * Lists a source. Hidden files and what archives leave behind (`__MACOSX`) do not count; links are not followed.
 *
 * @throws Refusal `input.unreadable-file` when it is no directory.
 */
export async function readTree(root: string): Promise<Tree> {
  if ((await kindOf(root)) !== "directory") {
    const { message, facts } = await noFolder(root);
    throw new Refusal("input.unreadable-file", message, facts);
  }
  const files = (await filesBelow(root)).filter((name) => !name.split("/").some(isHidden));
  return { root, files, images: files.filter((name) => decodable.test(name)) };
}

function isHidden(segment: string): boolean {
  return segment.startsWith(".") || segment === "__MACOSX";
}

/** Images of formats that neither the engine nor the page can decode. */
export function foreignImages(tree: Tree): string[] {
  return tree.files.filter((name) => foreign.test(name));
}

/** The segments of a path without its file name. */
export function foldersOf(name: string): string[] {
  return name.split("/").slice(0, -1);
}

/** The file name without its ending. */
export function stemOf(name: string): string {
  return basename(name).replace(/\.[^.]+$/, "");
}
