import { basename, join } from "node:path";
import { readText } from "../../fs/read.ts";
import type { Box, Layout, Source, SourceImage, Tree } from "../source.ts";
import { stemOf } from "../tree.ts";

/** Pascal VOC: one XML an image. */
export const voc: Layout = {
  name: "voc",
  looks: "images with Annotations/<stem>.xml; an XML without objects is a good board",
  read: readVoc,
};

/** HRIPCB (PKU-Market-PCB): VOC boxes, and a template of each board in `PCB_USED`; the board begins the file name. */
export const hripcb: Layout = {
  name: "hripcb",
  looks: "images/<defect>/01_missing_hole_01.jpg, Annotations/<defect>/*.xml, PCB_USED/01.JPG",
  async read(tree) {
    const templates = new Map(tree.images.filter(isTemplate).map((name) => [stemOf(name), name]));
    const found = templates.size === 0 ? undefined : await readVoc(tree);
    if (found === undefined) return undefined;
    const images = found.images.flatMap((image): SourceImage[] => {
      const board = /^([^_]+)_/.exec(basename(image.name))?.[1] ?? "";
      const golden = templates.get(board);
      return golden === undefined ? [] : [{ ...image, board, place: board, golden: join(tree.root, golden) }];
    });
    const lost = found.images.length - images.length;
    return { images, notes: lost > 0 ? [...found.notes, `${lost} images have no template in PCB_USED.`] : found.notes };
  },
};

function isTemplate(name: string): boolean {
  return /(?:^|\/)PCB_USED\/[^/]+$/i.test(name);
}

async function readVoc(tree: Tree): Promise<Source | undefined> {
  const texts = new Map<string, string>();
  for (const name of tree.files.filter((file) => /\.xml$/i.test(file))) {
    const text = await readText(join(tree.root, name));
    if (/<annotation[\s>]/.test(text)) texts.set(stemOf(name), text);
  }
  if (texts.size === 0) return undefined;
  const images = tree.images.flatMap((name): SourceImage[] => {
    const text = texts.get(stemOf(name));
    if (text === undefined) return [];
    return [{ path: join(tree.root, name), name, category: basename(tree.root), boxes: boxesOf(text) }];
  });
  const bare = tree.images.filter((name) => !isTemplate(name)).length - images.length;
  const notes =
    bare > 0 ? [`${bare} images have no annotation and are left out: nothing says that they are good.`] : [];
  return { images, notes };
}

function boxesOf(xml: string): Box[] {
  return [...xml.matchAll(/<object>([\s\S]*?)<\/object>/g)].flatMap(([, object = ""]) => {
    const value = (tag: string) => new RegExp(`<${tag}>\\s*([^<]*?)\\s*</${tag}>`).exec(object)?.[1] ?? "";
    const [x, y, right, bottom] = ["xmin", "ymin", "xmax", "ymax"].map((tag) => Number(value(tag)));
    if (x === undefined || y === undefined || right === undefined || bottom === undefined) return [];
    const box = { x, y, width: right - x, height: bottom - y, label: value("name") };
    return box.width > 0 && box.height > 0 ? [box] : [];
  });
}
