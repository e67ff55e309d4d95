import { basename, join } from "node:path";
import { isGoodWord } from "../../data/sanity/labels.ts";
import { type Layout, noBoards, type SourceImage, type Tree } from "../source.ts";
import { stemOf } from "../tree.ts";

const place = /^(?:(.+)\/)?(train|validation|test)\/([^/]+)\/[^/]+$/;

/** MVTec AD and its kin: training images are good, defects are under `test`, masks under `ground_truth`. */
export const mvtec: Layout = {
  name: "mvtec",
  looks: "[CATEGORY/]train/good, test/<defect>, ground_truth/<defect>/<stem>_mask.png",
  async read(tree) {
    const found = tree.images.flatMap((name) => {
      const [, category = "", set = "", label = ""] = place.exec(name) ?? [];
      return set === "" ? [] : [{ name, category, set, label }];
    });
    const trained = found.filter(({ set }) => set === "train");
    const defects = found.filter(({ set, label }) => set === "test" && !isGoodWord(label));
    if (trained.length === 0 || defects.length === 0 || !trained.every(({ label }) => isGoodWord(label))) return;
    const masks = maskFinder(tree);
    const images = found.map(({ name, category, label }): SourceImage => {
      const mask = isGoodWord(label) ? undefined : masks(category, label, stemOf(name));
      const whole = { path: join(tree.root, name), name, label, category: category || basename(tree.root) };
      return mask === undefined ? whole : { ...whole, mask: join(tree.root, mask) };
    });
    const without = defects.length - images.filter(({ mask }) => mask).length;
    const notes = without > 0 ? [`${without} of ${defects.length} defect images have no mask.`] : [];
    return { images, notes: [...notes, noBoards] };
  },
};

/** `<stem>_mask.png`, `<stem>.png`, or a folder `<stem>/` of masks, of which the first is taken. */
function maskFinder(tree: Tree) {
  const known = new Map<string, string>();
  for (const name of tree.images) {
    const [, category = "", label = "", rest = ""] = /^(?:(.+)\/)?ground_truth\/([^/]+)\/(.+)$/.exec(name) ?? [];
    if (rest === "") continue;
    const stem = rest.includes("/") ? (rest.split("/")[0] ?? "") : stemOf(rest).replace(/_mask$/, "");
    const key = [category, label, stem].join("\0");
    if (!known.has(key)) known.set(key, name);
  }
  return (category: string, label: string, stem: string) => known.get([category, label, stem].join("\0"));
}
