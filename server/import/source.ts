/** A rectangle in pixels of an image. */
export type Rect = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** A defect marked on the image of a whole board. */
export type Box = Rect & { readonly label: string };

/** One image to inspect, as a data set describes it. What the data set does not say is absent. */
export type SourceImage = {
  /** Absolute. */
  readonly path: string;
  /** Relative to the source, with `/`. */
  readonly name: string;
  /** As written. Absent where boxes carry the labels. */
  readonly label?: string;
  /** The physical board, or part, that was photographed: its images never part. */
  readonly board?: string;
  /** Product or category: images of two are never a pair. */
  readonly category: string;
  /** Component, view or side: the same place of two boards can be a pair. */
  readonly place?: string;
  readonly lighting?: string;
  /** Absolute path of the mask of its defect. */
  readonly mask?: string;
  /** Defects of a whole board; empty means that the board was looked at and is good. */
  readonly boxes?: readonly Box[];
  /** Absolute path of the golden image that the data set itself names. */
  readonly golden?: string;
};

/** What a reader made of a folder. */
export type Source = {
  readonly images: readonly SourceImage[];
  /** What a person should know about the reading, sentences. */
  readonly notes: readonly string[];
};

/** Every file below the source, relative with `/`; `images` are those that can be decoded. */
export type Tree = { readonly root: string; readonly files: readonly string[]; readonly images: readonly string[] };

/** Reads one published layout; undefined when the folder has another one. */
export type Layout = {
  readonly name: string;
  /** What the folder must look like, for people. */
  readonly looks: string;
  read(tree: Tree): Promise<Source | undefined>;
};

/** The note of a layout that does not tell which images show one board. */
export const noBoards =
  "The layout names no boards: every image counts as a board of its own. If names say it, say how with --pattern.";
