/** Bound once: they are called for every pixel. */
const { floor, imul } = Math;

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/**
 * A repeatable stream of its own for every key: `streamOf(1, "kpi", "B007", "w03")` gives the same numbers on every
 * machine, whatever was drawn from other streams before.
 */
export function streamOf(seed: number, ...keys: readonly (string | number)[]): Random {
  let state = 0x811c9dc5 ^ (seed >>> 0);
  for (const letter of `${seed}/${keys.join("/")}`) {
    state = imul(state ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  }
  state ^= state >>> 15;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

/** A whole number from `low` to `high`, both included. */
export function wholeBetween(random: Random, low: number, high: number): number {
  return low + floor((high - low + 1) * random());
}

export function pickOne<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[floor(random() * items.length)] ?? items[0];
}

export function withChance(random: Random, probability: number): boolean {
  return random() < probability;
}
