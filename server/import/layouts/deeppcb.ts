import { join } from "node:path";
import { readText } from "../../fs/read.ts";
import type { Box, Layout, SourceImage } from "../source.ts";

const types: Readonly<Record<string, string>> = {
  1: "open",
  2: "short",
  3: "mousebite",
  4: "spur",
  5: "copper",
  6: "pin-hole",
};

/** DeepPCB: a tested image and its template a board, boxes as text lines in a folder `<group>_not`. */
export const deeppcb: Layout = {
  name: "deeppcb",
  looks: "<group>/<id>/<n>_test.jpg with <n>_temp.jpg, <group>/<id>_not/<n>.txt of `x1 y1 x2 y2 type`",
  async read(tree) {
    const files = new Set(tree.files);
    const images: SourceImage[] = [];
    let bare = 0;
    for (const name of tree.images) {
      const [, above = "", folder = "", stem = "", ending = ""] =
        /^(?:(.*)\/)?([^/]+)\/([^/]+)_test\.(\w+)$/.exec(name) ?? [];
      const golden = [above, folder, `${stem}_temp.${ending}`].filter(Boolean).join("/");
      const notes = [above, `${folder}_not`, `${stem}.txt`].filter(Boolean).join("/");
      if (stem === "" || !files.has(golden)) continue;
      if (!files.has(notes)) bare++;
      else {
        const boxes = boxesOf(await readText(join(tree.root, notes)));
        const path = join(tree.root, name);
        const category = above.split("/").at(-1) || folder;
        images.push({ path, name, board: stem, category, boxes, golden: join(tree.root, golden) });
      }
    }
    if (images.length === 0) return undefined;
    return { images, notes: bare > 0 ? [`${bare} tested images have no annotation and are left out.`] : [] };
  },
};

function boxesOf(text: string): Box[] {
  return text.split("\n").flatMap((line) => {
    const [x1 = "", y1 = "", x2 = "", y2 = "", type = ""] = line.trim().split(/[\s,]+/);
    if (type === "") return [];
    const [x, y] = [Number(x1), Number(y1)];
    return [{ x, y, width: Number(x2) - x, height: Number(y2) - y, label: types[type] ?? `type-${type}` }];
  });
}
