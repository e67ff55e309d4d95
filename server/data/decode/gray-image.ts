/** Gray levels 0..255 in rows. */
export type GrayImage = { readonly width: number; readonly height: number; readonly data: Uint8Array };

/** Gray level of a colour, in integers so that equal colours give equal levels everywhere. */
export function luma(red: number, green: number, blue: number): number {
  return (77 * red + 150 * green + 29 * blue) >> 8;
}
