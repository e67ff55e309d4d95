import { dirname, join } from "node:path";
import { readTable } from "../../data/csv.ts";
import { type Layout, noBoards, type SourceImage } from "../source.ts";

/** VisA: one folder a product, with `image_anno.csv` beside `Data/Images/{Normal,Anomaly}` and `Data/Masks/Anomaly`. */
export const visa: Layout = {
  name: "visa",
  looks: "[CATEGORY/]image_anno.csv (image,label,mask), Data/Images/{Normal,Anomaly}, Data/Masks/Anomaly",
  async read(tree) {
    const tables = tree.files.filter((name) => /(?:^|\/)image_anno\.csv$/.test(name));
    if (tables.length === 0) return undefined;
    const known = new Set(tree.images);
    const images: SourceImage[] = [];
    let absent = 0;
    for (const table of tables) {
      const { header, rows } = await readTable(join(tree.root, table));
      const [image, label, mask] = ["image", "label", "mask"].map((name) => header.indexOf(name));
      const folder = dirname(table) === "." ? "" : dirname(table);
      // Paths begin with the product's folder; the source may be that folder itself.
      const find = (cell: string) =>
        [cell, cell.replace(/^[^/]+\//, ""), join(dirname(folder), cell)].find((name) => known.has(name));
      for (const cells of rows) {
        const name = find(cells[image ?? -1] ?? "");
        const marked = find(cells[mask ?? -1] ?? "");
        if (name === undefined) absent++;
        else {
          const category = folder.split("/").at(-1) || name.split("/")[0] || "product";
          const whole = { path: join(tree.root, name), name, label: cells[label ?? -1] ?? "", category };
          images.push(marked === undefined ? whole : { ...whole, mask: join(tree.root, marked) });
        }
      }
    }
    const notes = absent > 0 ? [`${absent} images of the tables do not exist.`] : [];
    return { images, notes: [...notes, noBoards] };
  },
};
