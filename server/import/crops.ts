import { sha256 } from "../fs/hash.ts";
import type { Box, Rect, SourceImage } from "./source.ts";

type Size = { readonly width: number; readonly height: number };

/** A window shows a defect with as much around it, which random crops of the training may cut away. */
const margin = 1.5;
const sides = { least: 64, step: 16 } as const;
/** Good windows of a board with defects, beside one for each defect, and of a good board. */
const goodWindowsOf = { defective: 2, good: 6, most: 12 } as const;

/** The side of all windows: nine of ten boxes fit with their margin. */
export function windowSide(boxes: readonly Rect[]): number {
  const longest = boxes.map(({ width, height }) => Math.max(width, height)).sort((a, b) => a - b);
  const most = longest[Math.floor(0.9 * (longest.length - 1))] ?? 0;
  return Math.max(sides.least, Math.ceil((most * margin) / sides.step) * sides.step);
}

/** One window around each box, inside the image; a box that does not fit gets a larger one. */
export function boxWindows(
  boxes: readonly Box[],
  side: number,
  size: Size,
): { readonly box: Box; readonly window: Rect }[] {
  return boxes.map((box) => {
    const wanted = Math.max(side, Math.ceil((Math.max(box.width, box.height) * margin) / 8) * 8);
    const own = Math.min(wanted, size.width, size.height);
    const from = (start: number, length: number, most: number) =>
      Math.max(0, Math.min(most - own, Math.round(start + (length - own) / 2)));
    const window = {
      x: from(box.x, box.width, size.width),
      y: from(box.y, box.height, size.height),
      width: own,
      height: own,
    };
    return { box, window };
  });
}

/** Windows of an image that stay clear of every box, in an order that only the image's name decides. */
export function goodWindows(image: SourceImage, side: number, size: Size): Rect[] {
  const boxes = image.boxes ?? [];
  const own = Math.min(side, size.width, size.height);
  const clear = Math.round(own / 8);
  const found: Rect[] = [];
  for (let y = 0; y + own <= size.height; y += own) {
    for (let x = 0; x + own <= size.width; x += own) {
      const window = { x, y, width: own, height: own };
      if (!boxes.some((box) => touches(box, window, clear))) found.push(window);
    }
  }
  const wanted = boxes.length === 0 ? goodWindowsOf.good : goodWindowsOf.defective + boxes.length;
  const order = (window: Rect) => sha256(`${image.name} ${window.x} ${window.y}`);
  return found.sort((a, b) => (order(a) < order(b) ? -1 : 1)).slice(0, Math.min(wanted, goodWindowsOf.most));
}

function touches(box: Rect, window: Rect, clear: number): boolean {
  return (
    box.x - clear < window.x + window.width &&
    box.x + box.width + clear > window.x &&
    box.y - clear < window.y + window.height &&
    box.y + box.height + clear > window.y
  );
}
