import { basename, join } from "node:path";
import { isGoodWord } from "../../data/sanity/labels.ts";
import { type Layout, noBoards, type SourceImage } from "../source.ts";
import { foldersOf } from "../tree.ts";

const setNames = /^(train|training|val|valid|validation|test|testing)$/i;

/** One folder a label, as image classifiers take them, below folders of a split or a product. */
export const folders: Layout = {
  name: "folders",
  looks: "[CATEGORY/][train|val|test/]<label>/*.png, one label of good parts among them",
  async read(tree) {
    const labelled = tree.images.filter((name) => foldersOf(name).length > 0);
    const labels = new Set(labelled.map((name) => foldersOf(name).at(-1) ?? ""));
    if (labelled.length === 0 || labels.size < 2 || ![...labels].some(isGoodWord)) return;
    const images = labelled.map((name): SourceImage => {
      const above = foldersOf(name);
      const label = above.pop() ?? "";
      const category = above.filter((folder) => !setNames.test(folder)).join("/") || basename(tree.root);
      return { path: join(tree.root, name), name, label, category };
    });
    return { images, notes: [noBoards] };
  },
};
