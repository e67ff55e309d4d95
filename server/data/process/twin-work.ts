import { readFileStart } from "../../fs/head.ts";
import { grayLevels } from "../decode/gray-levels.ts";
import { type Fields, fieldsOf, grainLikeness, laid } from "../twins/alignment.ts";
import { type Fingerprint, fingerprintOf, type Window, windows } from "../twins/fingerprint.ts";

/** The image of which a window, laid by `orientation`, may be the whole of `like`. */
export type TwinFiles = {
  readonly of: string;
  readonly like: string;
  readonly orientation: number;
  readonly window: number;
};

/** The fingerprint of each image; undefined for one that is flat or cannot be decoded. */
export function fingerprints(paths: readonly string[]): (Fingerprint | undefined)[] {
  return paths.map((path) => {
    const gray = grayLevels(readFileStart(path).bytes);
    return gray === undefined ? undefined : fingerprintOf(gray);
  });
}

/** How far the images of each pair agree in their grain (`grainLikeness`); undefined where one cannot be decoded. */
export function twinLikenesses(pairs: readonly TwinFiles[]): (number | undefined)[] {
  return pairs.map(({ of, like, orientation, window }) => {
    const [one, other] = [picture(of), picture(like)];
    if (one === undefined || other === undefined) return undefined;
    const part = windows[window] ?? { x: 0, y: 0, side: 1 };
    return grainLikeness(other, laid(one, orientation), laidWindow(part, orientation));
  });
}

function picture(path: string): Fields | undefined {
  const gray = grayLevels(readFileStart(path).bytes);
  return gray && fieldsOf(gray);
}

function laidWindow({ x, y, side }: Window, orientation: number): Window {
  const [across, down] = orientation & 1 ? [y, x] : [x, y];
  return { x: orientation & 2 ? 1 - side - across : across, y: orientation & 4 ? 1 - side - down : down, side };
}
