import { basename, join } from "node:path";
import { imageHeader } from "../../data/image-header.ts";
import { yamlData } from "../../data/yaml.ts";
import { readBytes, readText } from "../../fs/read.ts";
import { membersOf } from "../../run/record.ts";
import { type Box, type Layout, noBoards, type SourceImage, type Tree } from "../source.ts";

/** YOLO: `images/` and `labels/` side by side, names of the classes in a YAML or `classes.txt`. */
export const yolo: Layout = {
  name: "yolo",
  looks: "images/[train/]*.jpg, labels/[train/]*.txt, data.yaml or classes.txt; an empty text file is a good board",
  async read(tree) {
    const files = new Set(tree.files);
    const names = await classNames(tree);
    if (names === undefined) return undefined;
    const images: SourceImage[] = [];
    for (const name of tree.images) {
      const text = labelFileOf(name).find((file) => files.has(file));
      if (text === undefined) continue;
      const path = join(tree.root, name);
      const boxes = boxesOf(await readText(join(tree.root, text)), names, await readBytes(path));
      if (boxes !== undefined) images.push({ path, name, category: basename(tree.root), boxes });
    }
    if (images.length === 0) return undefined;
    const bare = tree.images.length - images.length;
    const notes =
      bare > 0 ? [`${bare} images have no label file and are left out: nothing says that they are good.`] : [];
    return { images, notes: [...notes, noBoards] };
  },
};

/** `images/` becomes `labels/`, at the beginning or inside the path; else the text lies beside the image. */
function labelFileOf(name: string): string[] {
  const text = name.replace(/\.[^.]+$/, ".txt");
  return [text.replace(/(^|\/)images(\/|$)/, "$1labels$2"), text];
}

async function classNames(tree: Tree): Promise<readonly string[] | undefined> {
  const yaml = tree.files.find((file) => /(?:^|\/)[^/]*\.ya?ml$/.test(file) && !file.includes("/."));
  if (yaml !== undefined) {
    const path = join(tree.root, yaml);
    const { names } = membersOf(yamlData(await readText(path), path));
    if (typeof names === "object" && names !== null) return Object.values(names).map(String);
  }
  const list = tree.files.find((file) => /(?:^|\/)(classes|obj|labels)\.(txt|names)$/.test(file));
  if (list === undefined) return undefined;
  return (await readText(join(tree.root, list)))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Boxes of the lines `class cx cy w h`, in shares of the image. */
function boxesOf(text: string, names: readonly string[], bytes: Uint8Array): Box[] | undefined {
  const size = imageHeader(bytes, (position) => bytes.subarray(position));
  if (size === undefined) return undefined;
  return text.split("\n").flatMap((line) => {
    const [kind, ...shares] = line.trim().split(/\s+/).map(Number);
    const [cx = 0, cy = 0, w = 0, h = 0] = shares;
    if (kind === undefined || !(w > 0) || !(h > 0)) return [];
    const [width, height] = [Math.round(w * size.width), Math.round(h * size.height)];
    const [x, y] = [Math.round(cx * size.width - width / 2), Math.round(cy * size.height - height / 2)];
    return [{ x, y, width, height, label: names[kind] ?? `class-${kind}` }];
  });
}
