import { grainLikeness, laid, likenessToTell, sideFor } from "../twins/alignment.ts";
import { fieldMeans } from "../twins/fields.ts";
import { type Fingerprint, fingerprintOf, type Window, windows } from "../twins/fingerprint.ts";
import { keepingLevels, levelsOf } from "./levels.ts";

/** The image of which a window, laid by `orientation`, may be the whole of `like`. */
export type TwinFiles = {
  readonly of: string;
  readonly like: string;
  readonly orientation: number;
  readonly window: number;
};

/** The fingerprint of each image, of its first windows; undefined for one that is flat or cannot be decoded. */
export function fingerprints(paths: readonly string[], windowCount: number): (Fingerprint | undefined)[] {
  return paths.map((path) => {
    const gray = levelsOf(path);
    return gray === undefined ? undefined : fingerprintOf(gray, windowCount);
  });
}

/** How far the images of each pair agree in their grain (`grainLikeness`); undefined for those that are no copies. */
export function twinLikenesses(pairs: readonly TwinFiles[]): (number | undefined)[] {
  const keptLevels = keepingLevels();
  return pairs.map(({ of, like, orientation, window }) => {
    const [one, other] = [keptLevels(of), keptLevels(like)];
    if (one === undefined || other === undefined) return undefined;
    const side = sideFor(one, other);
    const [moved, fixed] = [one, other].map((image) => ({ side, means: fieldMeans(image, side) }));
    const part = windows[window] ?? { x: 0, y: 0, side: 1 };
    if (moved === undefined || fixed === undefined) return undefined;
    const likeness = grainLikeness(fixed, laid(moved, orientation), laidWindow(part, orientation));
    return likeness >= likenessToTell(side) ? likeness : undefined;
  });
}

function laidWindow({ x, y, side }: Window, orientation: number): Window {
  const [across, down] = orientation & 1 ? [y, x] : [x, y];
  return { x: orientation & 2 ? 1 - side - across : across, y: orientation & 4 ? 1 - side - down : down, side };
}
