type ReadMore = (position: number) => Uint8Array;
type TiffHeader = { readonly width: number; readonly height: number; readonly deep?: true };

/** Entries of a directory that are looked at; cameras write about thirty. */
const entryLimit = 100;
const tags = { width: 256, height: 257, bits: 258, samples: 277, sampleFormat: 339 } as const;

/**
 * Size and depth of a TIFF from its first directory, or undefined when the bytes are no TIFF. Deep is gray of more than
 * eight bits, or of fractions.
 */
export function tiffHeader(head: Uint8Array, more: ReadMore): TiffHeader | undefined {
  const little = head[0] === 0x49 && head[1] === 0x49 && head[2] === 42 && head[3] === 0;
  const big = head[0] === 0x4d && head[1] === 0x4d && head[2] === 0 && head[3] === 42;
  if (!little && !big) return undefined;
  const bytes = directoryAt(number(head, 4, 4, little), head, more);
  const count = Math.min(entryLimit, number(bytes, 0, 2, little));
  const values = new Map<number, number>();
  for (let at = 2; at < 2 + count * 12 && at + 12 <= bytes.length; at += 12) {
    const [tag, type] = [number(bytes, at, 2, little), number(bytes, at + 2, 2, little)];
    values.set(tag, number(bytes, at + 8, type === 3 ? 2 : 4, little));
  }
  const [width = 0, height = 0] = [values.get(tags.width), values.get(tags.height)];
  if (width < 1 || height < 1) return undefined;
  const gray = (values.get(tags.samples) ?? 1) === 1;
  const deep = gray && ((values.get(tags.bits) ?? 1) > 8 || values.get(tags.sampleFormat) === 3);
  return deep ? { width, height, deep } : { width, height };
}

function directoryAt(position: number, head: Uint8Array, more: ReadMore): Uint8Array {
  const own = head.subarray(position);
  return own.length >= 2 + entryLimit * 12 ? own : more(position);
}

function number(bytes: Uint8Array, at: number, length: 2 | 4, little: boolean): number {
  let value = 0;
  for (let byte = 0; byte < length; byte++)
    value = value * 256 + (bytes[little ? at + length - 1 - byte : at + byte] ?? 0);
  return value;
}
