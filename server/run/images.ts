/** What decides which image files belong to a row (tao-stages 1.4). */
export type ImageLayout = {
  /** Absolute directory that relative `input_path` and `golden_path` values start from. */
  readonly images_dir: string;
  /** Lightings in `input_map` order; empty when the spec has no `input_map` and names carry no lighting. */
  readonly lightings: readonly string[];
  /** With its dot, e.g. `.jpg`. */
  readonly image_ext: string;
};

/** The cells of a row that name its images. */
type ImageCells = Readonly<Record<"input_path" | "golden_path" | "object_name", string>>;

/** Joins like Python's `os.path.join`: an absolute part starts anew, nothing is normalised. */
export function joinPath(base: string, ...parts: readonly string[]): string {
  let path = base;
  for (const part of parts) {
    if (part.startsWith("/")) path = part;
    else path = path === "" || path.endsWith("/") ? path + part : `${path}/${part}`;
  }
  return path;
}

/** The file of one image: `{images_dir}/{directory}/{object_name}_{lighting}{image_ext}`. */
export function imagePath(layout: ImageLayout, directory: string, objectName: string, lighting?: string): string {
  const stem = joinPath(layout.images_dir, directory, objectName);
  return lighting === undefined ? stem + layout.image_ext : `${stem}_${lighting}${layout.image_ext}`;
}

/** What follows the object name in the file names of a row, one a lighting, in `input_map` order. */
export function suffixesOf({ lightings, image_ext }: Pick<ImageLayout, "lightings" | "image_ext">): string[] {
  return lightings.length === 0 ? [image_ext] : lightings.map((lighting) => `_${lighting}${image_ext}`);
}

/** Every image of a row, one pair a lighting, in `input_map` order. */
export function imagesOf(row: ImageCells, layout: ImageLayout): { input: string; golden: string }[] {
  const stem = (directory: string) => joinPath(layout.images_dir, directory, row.object_name);
  return suffixesOf(layout).map((suffix) => ({
    input: stem(row.input_path) + suffix,
    golden: stem(row.golden_path) + suffix,
  }));
}

/**
 * Puts the images-root prefix (e.g. `images`) before a path relative to the images root, which makes it relative to
 * the workspace (tao-stages 1.6). Absolute paths stay. Call it once a row: it cannot tell a path that has it already.
 */
export function inWorkspaceSpace(prefix: string, path: string): string {
  return joinPath(prefix, path);
}

/**
 * One spelling for one place: no empty or `.` segment, `..` taken back, no slash at the end. Links are not resolved.
 */
export function normalPath(path: string): string {
  if (!needsWork.test(path)) return path;
  const absolute = path.startsWith("/");
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === ".." && kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (segment !== ".." || !absolute) kept.push(segment);
  }
  return (absolute ? "/" : "") + kept.join("/") || ".";
}

const needsWork = /\/\/|(?:^|\/)\.\.?(?:\/|$)|.\/$|^$/;
