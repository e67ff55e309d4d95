/** One gray image: row-major levels on the scale 0 (black) to 255 (white), not rounded. */
export type Gray = { width: number; height: number; data: Float32Array };

/** Returns an image of the given size filled with one level. */
export function blankGray(width: number, height: number, level = 0): Gray {
  return { width, height, data: new Float32Array(width * height).fill(level) };
}

/**
 * Returns the image resampled to the given size: area average when shrinking, bilinear when growing.
 *
 * The image itself is returned when the size already fits.
 */
export function resizeGray(image: Gray, width: number, height: number): Gray {
  if (image.width === width && image.height === height) return image;
  return resampleRows(transpose(resampleRows(transpose(image), height)), width);
}

function transpose(image: Gray): Gray {
  const { width, height, data } = image;
  return { width: height, height: width, data: columnsOf(data, width, height) };
}

function columnsOf(data: Float32Array, width: number, height: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) out[x * height + y] = data[y * width + x] as number;
  }
  return out;
}

function resampleRows(image: Gray, width: number): Gray {
  const { width: from, height, data } = image;
  const scale = from / width;
  const reach = Math.max(1, scale);
  const out = new Float32Array(width * height);
  for (let x = 0; x < width; x++) {
    const centre = (x + 0.5) * scale - 0.5;
    const first = Math.ceil(centre - reach);
    const last = Math.floor(centre + reach);
    let sum = 0;
    const places: number[] = [];
    const weights: number[] = [];
    for (let at = first; at <= last; at++) {
      const weight = 1 - Math.abs(at - centre) / reach;
      if (weight <= 0) continue;
      places.push(Math.min(from - 1, Math.max(0, at)));
      weights.push(weight);
      sum += weight;
    }
    for (let y = 0; y < height; y++) {
      let level = 0;
      for (let tap = 0; tap < places.length; tap++) {
        level += (data[y * from + (places[tap] as number)] as number) * (weights[tap] as number);
      }
      out[y * width + x] = level / sum;
    }
  }
  return { width, height, data: out };
}
