import { basename, join } from "node:path";
import type { Layout, SourceImage } from "../source.ts";

const place = /^(?:(.+)\/)?(OK|NG)\/(?:([^/]+)\/)?(S\d+)\/[^/]*_(C\d+)_[^/]*\.jpe?g$/i;

/** Real-IAD: samples `S0001` under `OK` and `NG/<defect>`, five views `C1` to `C5` of each, masks as PNG beside them. */
export const realIad: Layout = {
  name: "real-iad",
  looks: "[CATEGORY/]{OK,NG/<defect>}/S0001/<category>_0001_OK_C1_<time>.jpg, masks of the same name as .png",
  async read(tree) {
    const files = new Set(tree.files);
    const maskOf = (name: string) => name.replace(/\.jpe?g$/i, ".png");
    const folderOf = (name: string) => name.slice(0, name.lastIndexOf("/"));
    const masked = new Set(
      tree.images.filter((name) => files.has(maskOf(name)) && maskOf(name) !== name).map(folderOf),
    );
    const images = tree.images.flatMap((name): SourceImage[] => {
      const [, above = "", kind = "", defect, sample = "", view = ""] = place.exec(name) ?? [];
      if (kind === "") return [];
      const isGood = kind.toUpperCase() === "OK";
      const mask = maskOf(name);
      const whole = {
        path: join(tree.root, name),
        name,
        label: isGood ? kind : (defect ?? kind),
        board: [above, kind, defect ?? "", sample].filter(Boolean).join("/"),
        category: above.split("/").at(-1) || basename(tree.root),
        place: view,
      };
      if (!isGood && files.has(mask)) return [{ ...whole, mask: join(tree.root, mask) }];
      // Of a sample with masks, a view without one does not show the defect.
      return [!isGood && masked.has(folderOf(name)) ? { ...whole, label: "OK" } : whole];
    });
    if (images.length === 0) return undefined;
    const notes = ["Where a defective sample has masks, its views without one show no defect and count as good."];
    return { images, notes };
  },
};
