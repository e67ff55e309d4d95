import { defined } from "../run/defined.ts";
import type { TwinPair } from "../run/state.ts";
import type { TwinView } from "./model.ts";
import { pictureOf } from "./pictures.ts";
import type { ImageReader } from "./samples.ts";

const side = 128;

/** Pairs of images that look like one, with what the rows say of them. */
export async function twinViews(pairs: readonly TwinPair[], read: ImageReader): Promise<TwinView[]> {
  const views: TwinView[] = [];
  for (const { one, other, likeness } of pairs) {
    const parts: TwinView["parts"][number][] = [];
    for (const { set, line, object_name, label, board, path } of [one, other]) {
      const image = await read(path);
      const place = board === undefined ? "" : `, board ${board}`;
      const text = `${set} line ${line}: ${object_name}, ${label}${place}`;
      parts.push({ text, ...defined({ picture: image && pictureOf(image, side) }) });
    }
    views.push({ likeness, parts });
  }
  return views;
}
