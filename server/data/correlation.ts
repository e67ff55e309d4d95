/** Mean gray levels of the fields of an image, row by row. */
type Fields = { readonly across: number; readonly down: number; readonly means: ArrayLike<number> };

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
