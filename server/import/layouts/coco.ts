import { basename, join } from "node:path";
import { readJson } from "../../fs/json.ts";
import { membersOf } from "../../run/record.ts";
import { type Box, type Layout, noBoards, type SourceImage, type Tree } from "../source.ts";

/** COCO: boxes in a JSON; an image without annotations is a good board. */
export const coco: Layout = {
  name: "coco",
  looks: "a JSON with images, annotations and categories; an image without annotations is a good board",
  async read(tree) {
    const images: SourceImage[] = [];
    let [sets, absent] = [0, 0];
    for (const name of tree.files.filter((file) => /\.json$/i.test(file))) {
      const set = membersOf(await readJson(join(tree.root, name)));
      if (![set.images, set.annotations, set.categories].every(Array.isArray)) continue;
      sets++;
      const found = imagesOf(set, tree);
      images.push(...found.images);
      absent += found.absent;
    }
    if (sets === 0) return undefined;
    const once = [...new Map(images.map((image) => [image.name, image])).values()];
    const notes = absent > 0 ? [`${absent} images of the annotations do not exist, or not by one name.`] : [];
    return { images: once, notes: [...notes, noBoards] };
  },
};

function imagesOf(set: Record<string, unknown>, tree: Tree): { images: SourceImage[]; absent: number } {
  const list = (value: unknown) => (value as unknown[]).map(membersOf);
  const names = new Map(list(set.categories).map(({ id, name }) => [String(id), String(name)]));
  const boxes = new Map<string, Box[]>();
  for (const { image_id, category_id, bbox } of list(set.annotations)) {
    const [x = 0, y = 0, width = 0, height = 0] = Array.isArray(bbox) ? bbox.map(Number) : [];
    const label = names.get(String(category_id)) ?? `category-${String(category_id)}`;
    const known = boxes.get(String(image_id)) ?? [];
    boxes.set(String(image_id), known);
    if (width > 0 && height > 0) known.push({ x, y, width, height, label });
  }
  const find = finder(tree);
  const images: SourceImage[] = [];
  let absent = 0;
  for (const { id, file_name } of list(set.images)) {
    const name = find(String(file_name));
    if (name === undefined) absent++;
    else {
      const own = (boxes.get(String(id)) ?? []).map(wholePixels);
      images.push({ path: join(tree.root, name), name, category: basename(tree.root), boxes: own });
    }
  }
  return { images, absent };
}

/** File names are relative to a folder that the JSON does not name: the only image whose path ends so is meant. */
function finder(tree: Tree): (name: string) => string | undefined {
  const byName = new Map<string, string[]>();
  for (const name of tree.images) byName.set(basename(name), [...(byName.get(basename(name)) ?? []), name]);
  return (name) => {
    const found = (byName.get(basename(name)) ?? []).filter((one) => `/${one}`.endsWith(`/${name}`));
    return found.length === 1 ? found[0] : undefined;
  };
}

function wholePixels({ x, y, width, height, label }: Box): Box {
  return { x: Math.round(x), y: Math.round(y), width: Math.ceil(width), height: Math.ceil(height), label };
}
