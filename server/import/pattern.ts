import { basename, join } from "node:path";
import { Refusal } from "../errors.ts";
import { noBoards, type Source, type SourceImage, type Tree } from "./source.ts";
import { foldersOf } from "./tree.ts";

const groupNames = ["board", "side", "component", "view", "lighting", "label", "product"] as const;

/**
 * Reads what file names say, by a regular expression with named groups over the path below the source: `board`, `side`,
 * `component`, `view`, `lighting`, `label`, `product`. Without the group `label` the folder of an image is its label.
 *
 * @throws Refusal `input.invalid` for what is no expression, names no group or fits no file.
 */
export function readNames(tree: Tree, pattern: string, base: Source | undefined): Source {
  const expression = compiled(pattern);
  const images: SourceImage[] = [];
  const known = base?.images ?? tree.images.map((name) => bareImage(tree, name));
  for (const image of known) {
    const groups = expression.exec(image.name)?.groups;
    if (groups !== undefined) images.push(described(image, groups));
  }
  if (images.length === 0) {
    const facts = { pattern, examples: tree.images.slice(0, 5) };
    throw new Refusal("input.invalid", "--pattern fits the name of no image.", facts);
  }
  const other = known.length - images.length;
  const notes = other > 0 ? [`${other} images are left out: --pattern does not fit their names.`] : [];
  const own = (base?.notes ?? []).filter((note) => note !== noBoards || !pattern.includes("(?<board>"));
  return { images, notes: [...own, ...notes] };
}

function compiled(pattern: string): RegExp {
  try {
    const expression = new RegExp(pattern, "u");
    if (groupNames.some((name) => pattern.includes(`(?<${name}>`))) return expression;
  } catch (error) {
    throw new Refusal("input.invalid", "--pattern is no regular expression.", { pattern }, { cause: error });
  }
  const example = "(?<board>[^_/]+)_(?<side>TOP|BOT)_(?<component>[^_]+)_(?<lighting>[^_.]+)";
  throw new Refusal("input.invalid", "--pattern has none of the known groups.", {
    pattern,
    groups: groupNames,
    example,
  });
}

function bareImage(tree: Tree, name: string): SourceImage {
  const label = foldersOf(name).at(-1);
  const image = { path: join(tree.root, name), name, category: basename(tree.root) };
  return label === undefined ? image : { ...image, label };
}

function described(image: SourceImage, groups: Readonly<Record<string, string | undefined>>): SourceImage {
  const place = [groups.side, groups.component, groups.view].filter(Boolean).join("_");
  const said = { board: groups.board, place, lighting: groups.lighting, label: groups.label, category: groups.product };
  const given = Object.entries(said).filter(([, value]) => value !== undefined && value !== "");
  return { ...image, ...Object.fromEntries(given) };
}
