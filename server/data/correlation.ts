import type { GrayImage } from "./decode/gray-image.ts";

/** Mean gray levels of the fields of an image, row by row. */
export type Fields = {
  readonly across: number;
  readonly down: number;
  readonly means: Float64Array;
  /** Pixels a field. */
  readonly scale: number;
};

/** An image by square fields, `side` of them on its longer side. */
export function fieldsOf({ width, height, data }: GrayImage, side: number): Fields {
  const scale = Math.max(1, Math.max(width, height) / side);
  const [across, down] = [Math.max(1, Math.round(width / scale)), Math.max(1, Math.round(height / scale))];
  const means = new Float64Array(across * down);
  const counts = new Uint32Array(across * down);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * down) / height) * across;
    for (let x = 0; x < width; x++) {
      const field = row + Math.floor((x * across) / width);
      means[field] = (means[field] as number) + (data[y * width + x] as number);
      counts[field] = (counts[field] as number) + 1;
    }
  }
  for (let field = 0; field < means.length; field++)
    means[field] = (means[field] as number) / (counts[field] as number);
  return { across, down, means, scale };
}

/** Correlation of the fields that lie over each other when `b` is shifted; null where either deviates by no more than `flat`. */
export function correlationAt(a: Fields, b: Fields, dx: number, dy: number, flat: number): number | null {
  let [n, sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0, 0];
  for (let y = Math.max(0, -dy); y < Math.min(a.down, b.down - dy); y++) {
    for (let x = Math.max(0, -dx); x < Math.min(a.across, b.across - dx); x++) {
      const p = a.means[y * a.across + x] as number;
      const q = b.means[(y + dy) * b.across + x + dx] as number;
      n++;
      sa += p;
      sb += q;
      saa += p * p;
      sbb += q * q;
      sab += p * q;
    }
  }
  const [va, vb] = [saa - (sa * sa) / n, sbb - (sb * sb) / n];
  if (!(va > flat * flat * n) || !(vb > flat * flat * n)) return null;
  return (sab - (sa * sb) / n) / Math.sqrt(va * vb);
}
