/** A picture that is compared: the means of `side` x `side` fields of an image, row by row. */
export type Fields = { readonly side: number; readonly means: Float64Array };

/** Most fields on a side: as fine as the grain of a small image, coarse enough for a large one to be compared quickly. */
export const mostFields = 96;

/** Fields around one of which the mean is taken off, on either side. */
const around = 2;

/** Room for what is made at each place and looked at once: to take new memory for it costs as much as to fill it. */
const lines = new Float64Array(mostFields * mostFields);
const columns = new Float64Array(mostFields);

/** What is left of a picture without its local means and stripes, no more of any field than twice the middle one. */
export function grainOf(picture: Fields, into = detailRoom(picture.side)): Float64Array {
  const width = picture.side - 2 * around;
  const grain = detailOf(picture, into);
  withoutStripes(grain, width);
  return clipped(grain, width * width);
}

const detailRoom = (side: number) => new Float64Array((side - 2 * around) ** 2);

/** What is left of a picture without its local means. */
function detailOf({ side, means }: Fields, detail = detailRoom(side)): Float64Array {
  const width = side - 2 * around;
  for (let y = 0, line = 0; y < side; y++) {
    for (let at = y * side, end = at + width; at < end; at++, line++) {
      const three = (means[at] as number) + (means[at + 1] as number) + (means[at + 2] as number);
      lines[line] = three + (means[at + 3] as number) + (means[at + 4] as number);
    }
  }
  for (let y = 0, at = 0; y < width; y++) {
    for (let own = (y + around) * side + around, end = own + width; own < end; own++, at++) {
      const three = (lines[at] as number) + (lines[at + width] as number) + (lines[at + 2 * width] as number);
      const sum = three + (lines[at + 3 * width] as number) + (lines[at + 4 * width] as number);
      detail[at] = (means[own] as number) - sum / (2 * around + 1) ** 2;
    }
  }
  return detail;
}

/** Leaves of the first `count` values no more than twice the middle one. */
function clipped(values: Float64Array, count: number): Float64Array {
  const most = 2 * middleOf(values, count);
  for (let at = 0; at < count; at++) {
    const own = values[at] as number;
    values[at] = own > most ? most : own < -most ? -most : own;
  }
  return values;
}

/** Takes the mean off each line and each column: parallel traces are the same in every design that has some. */
function withoutStripes(grain: Float64Array, width: number): void {
  const sums = columns.fill(0);
  for (let from = 0; from < width * width; from += width) {
    let sum = 0;
    for (let x = 0; x < width; x++) sum += grain[from + x] as number;
    const mean = sum / width;
    for (let x = 0; x < width; x++) {
      const own = (grain[from + x] as number) - mean;
      grain[from + x] = own;
      sums[x] = (sums[x] as number) + own;
    }
  }
  for (let x = 0; x < width; x++) sums[x] = (sums[x] as number) / width;
  for (let from = 0; from < width * width; from += width) {
    for (let x = 0; x < width; x++) grain[from + x] = (grain[from + x] as number) - (sums[x] as number);
  }
}

/** Values in single precision, whose bits without the sign are in the order of their sizes. */
const singles = new Float32Array(mostFields * mostFields);
const bitsOf = new Int32Array(singles.buffer);
/** Of the bits those of the power of two and five more. */
const sizeOf = (bits: number): number => (bits & 0x7fffffff) >> 18;
const counts = new Int32Array(1 << 13);

/** The middle size of the first `count` values, found without sorting more than those of about its size. */
function middleOf(values: Float64Array, count: number): number {
  singles.set(values.subarray(0, count));
  counts.fill(0);
  for (let at = 0; at < count; at++) {
    const size = sizeOf(bitsOf[at] as number);
    counts[size] = (counts[size] as number) + 1;
  }
  let [size, rank] = [0, count >> 1];
  for (; rank >= (counts[size] as number); size++) rank -= counts[size] as number;
  const alike = new Float64Array(counts[size] as number);
  for (let at = 0, to = 0; at < count; at++) {
    if (sizeOf(bitsOf[at] as number) === size) alike[to++] = Math.abs(values[at] as number);
  }
  return alike.sort()[rank] as number;
}

/** Likeness of grain with itself elsewhere from which structure repeats in it. */
const repeated = 0.6;
/** Fields by which it is moved at least, which an edge along the way does not bridge, and at most, in shares of a side. */
const shift = { least: 4, most: 0.6 } as const;

/** Whether grain is like itself somewhere else, as that of regular leads is: noise is nowhere. */
export function isRepeated(grain: Float64Array): boolean {
  const width = Math.sqrt(grain.length);
  const most = Math.floor(shift.most * width);
  for (let down = 0; down <= most; down++) {
    for (let across = down === 0 ? 1 : -most; across <= most; across++) {
      if (Math.max(down, Math.abs(across)) < shift.least) continue;
      if (likenessMoved(grain, width, across, down) >= repeated) return true;
    }
  }
  return false;
}

function likenessMoved(grain: Float64Array, width: number, across: number, down: number): number {
  let [saa, sbb, sab] = [0, 0, 0];
  const [from, to] = [Math.max(0, -across), Math.min(width, width - across)];
  for (let y = 0; y < width - down; y++) {
    for (let at = y * width + from, end = y * width + to; at < end; at++) {
      const [p, q] = [grain[at] as number, grain[at + down * width + across] as number];
      saa += p * p;
      sbb += q * q;
      sab += p * q;
    }
  }
  return saa === 0 || sbb === 0 ? 0 : sab / Math.sqrt(saa * sbb);
}

/** Share of the fields that are quiet at most, and how much more levels differ around one than around the quietest. */
const quiet = { share: 0.3, times: 3 } as const;
/** The quietest is that of this rank, in shares: a few fields are quiet by chance. */
const quietest = 0.05;
/** Deviations of chance beyond which detail agrees. */
const beyondChance = 5;

/** Whether the detail of two pictures agrees more than chance makes it where neither has edges. */
export function agreeWhereQuiet(one: Fields, other: Fields): boolean {
  const [ranges, others] = [rangesOf(one), rangesOf(other)];
  const most = ranges.map((range, at) => Math.max(range, others[at] as number));
  const limit = Math.min(quiet.times, ranked(most, quiet.share));
  const fields = Int32Array.from(most.keys()).filter((at) => (most[at] as number) <= limit);
  const [own, there] = [one, other].map((picture) => {
    const detail = detailOf(picture);
    return clipped(
      Float64Array.from(fields, (at) => detail[at] as number),
      fields.length,
    );
  }) as [Float64Array, Float64Array];
  return likenessOf(own, there) * Math.sqrt(fields.length) >= beyondChance;
}

/** The cosine of some values and of as many first ones of others, 0 where either are all 0. */
export function likenessOf(own: Float64Array, others: Float64Array): number {
  let [saa, sbb, sab] = [0, 0, 0];
  for (let at = 0; at < own.length; at++) {
    const [p, q] = [own[at] as number, others[at] as number];
    saa += p * p;
    sbb += q * q;
    sab += p * q;
  }
  return saa === 0 || sbb === 0 ? 0 : sab / Math.sqrt(saa * sbb);
}

/** How far levels differ around each field, in multiples of what they do around the quietest. */
function rangesOf({ side, means }: Fields): Float64Array {
  const width = side - 2 * around;
  const ranges = detailRoom(side);
  for (let at = 0; at < ranges.length; at++) {
    const first = Math.floor(at / width) * side + (at % width);
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let row = 0; row <= 2 * around; row++) {
      for (let field = first + row * side, end = field + 2 * around; field <= end; field++) {
        const level = means[field] as number;
        if (level < least) least = level;
        if (level > most) most = level;
      }
    }
    ranges[at] = most - least;
  }
  const unit = ranked(ranges, quietest) || 1;
  return ranges.map((range) => range / unit);
}

/** The value of a rank, in shares. */
function ranked(values: Float64Array, share: number): number {
  return Float64Array.from(values).sort()[Math.floor(share * values.length)] as number;
}
