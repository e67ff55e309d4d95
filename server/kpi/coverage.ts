import { isPass } from "../run/pass-labels.ts";
import { createComparer, type Vectors } from "./nearest/comparer.ts";

/** Something that new rows should resemble: a weak KPI sample, or a pool row that the model gets wrong. */
export type CoverTarget = {
  readonly label: string;
  /** Of length 1. */
  readonly unit: Float32Array;
  /** How much it matters, 0 or more; only proportions count. */
  readonly weight: number;
};

export type CoverCandidate = {
  readonly filepath: string;
  readonly label: string;
  /** Of length 1. */
  readonly unit: Float32Array;
};

export type Coverage = {
  /** The chosen paths in the order of choice, the most useful first. */
  readonly chosen: readonly string[];
  /** How often all targets were served as well as they can be, so that serving began anew. */
  readonly rounds: number;
};

/** A gain below this is rounding. */
const LEAST_GAIN = 1e-9;

/**
 * Chooses at most `count` candidates that together resemble the targets best (greedy facility location).
 *
 * A candidate serves a target of its own label by how far their cosine lies above `reach`; a target counts its best
 * server alone, so a near copy of a chosen row adds nothing and a crowd of like targets takes no more than it needs.
 * The row that adds most is chosen again and again, ties in the order of the candidates. When no row adds anything,
 * serving begins anew with the rows that are left. A candidate that serves no target at all is never chosen; of the
 * others no more are than an equal share for each of so many `turns`, this one included.
 */
export function coverTargets(
  targets: readonly CoverTarget[],
  candidates: readonly CoverCandidate[],
  { reach, count, turns }: { readonly reach: number; readonly count: number; readonly turns: number },
): Coverage {
  const groups = groupByLabel(targets, candidates, reach);
  const useful = groups.reduce((sum, group) => sum + group.rows.filter((_, at) => isUseful(group, at)).length, 0);
  const most = Math.min(count, Math.ceil(useful / Math.max(1, turns)));
  const chosen: string[] = [];
  let rounds = 1;
  while (chosen.length < most) {
    const best = groups.reduce<Group | undefined>((top, group) => {
      const gain = bestOf(group);
      return gain > LEAST_GAIN && (top === undefined || gain > top.top.gain) ? group : top;
    }, undefined);
    if (best !== undefined) chosen.push(take(best));
    else if (groups.map(startAnew).some(Boolean)) rounds++;
    else break;
  }
  return { chosen, rounds };
}

/** What one label's targets get from one label's candidates. */
type Group = {
  readonly rows: readonly CoverCandidate[];
  readonly asking: readonly CoverTarget[];
  readonly reach: number;
  /** For each candidate the targets that it serves, and what it gives each: at most, until it is made exact. */
  readonly gives: Gifts[];
  readonly isExact: Uint8Array;
  readonly served: Float32Array;
  /** For each candidate at most what it would add: gains only shrink while rows are chosen. Chosen ones have -1. */
  readonly bounds: Float64Array;
  /** The best candidate, valid until the next choice within the group. */
  top: { at: number; gain: number };
  topIsValid: boolean;
};

type Gifts = { readonly targets: Uint32Array; readonly gifts: Float32Array };

function groupByLabel(targets: readonly CoverTarget[], candidates: readonly CoverCandidate[], reach: number): Group[] {
  const wanted = byLabel(targets);
  return [...byLabel(candidates)].map(([label, rows]) => {
    const asking = wanted.get(label) ?? [];
    const group: Group = {
      rows,
      asking,
      reach,
      gives: giftsAtMost(rows, asking, reach),
      isExact: new Uint8Array(rows.length),
      served: new Float32Array(asking.length),
      bounds: new Float64Array(rows.length),
      top: { at: 0, gain: 0 },
      topIsValid: false,
    };
    rows.forEach((_, at) => {
      group.bounds[at] = gainAtMost(group, at);
    });
    return group;
  });
}

/** Whether a candidate adds something: its best pair alone tells mostly, and is computed before all of them are. */
function isUseful(group: Group, at: number): boolean {
  if ((group.bounds[at] as number) <= LEAST_GAIN) return false;
  const { targets, gifts } = group.gives[at] as Gifts;
  const worth = (target: number, gift: number): number => gift * (group.asking[target] as CoverTarget).weight;
  let best = 0;
  for (let i = 1; i < targets.length; i++) {
    const more = worth(targets[i] as number, gifts[i] as number);
    if (more > worth(targets[best] as number, gifts[best] as number)) best = i;
  }
  const target = targets[best] as number;
  return worth(target, Math.fround(giftOf(group, at, target))) > LEAST_GAIN || gainOf(group, at) > LEAST_GAIN;
}

/** Rows that are compared at once. */
const block = 512;

/** What rows may give targets, by float32 arithmetic and its slack: only what could be chosen is worth more. */
function giftsAtMost(rows: readonly CoverCandidate[], asking: readonly CoverTarget[], reach: number): Gifts[] {
  if (asking.length === 0) return rows.map(() => ({ targets: new Uint32Array(), gifts: new Float32Array() }));
  const comparer = createComparer(packed(asking), "cosine");
  const given: { targets: number[]; gifts: number[] }[] = rows.map(() => ({ targets: [], gifts: [] }));
  for (let from = 0; from < rows.length; from += block) {
    comparer.compare(packed(rows.slice(from, from + block)), (strip) => {
      const { firstQuery, firstRow, closeness, stride, slack } = strip;
      const slacks = Float64Array.from({ length: strip.queries }, (_, at) => slack(firstQuery + at));
      for (let r = 0; r < strip.rows; r++) {
        const gives = given[from + firstRow + r];
        for (let q = 0; q < strip.queries; q++) {
          const most = (closeness[r * stride + q] as number) + (slacks[q] as number) - reach;
          if (most <= 0) continue;
          gives?.targets.push(firstQuery + q);
          gives?.gifts.push(most);
        }
      }
    });
  }
  return given.map(({ targets, gifts }) => ({ targets: Uint32Array.from(targets), gifts: Float32Array.from(gifts) }));
}

/** Computes in float64, once, what a row gives its targets; below 0 is nothing. */
function makeExact(group: Group, at: number): void {
  if (group.isExact[at] === 1) return;
  const { targets } = group.gives[at] as Gifts;
  group.gives[at] = { targets, gifts: Float32Array.from(targets, (target) => giftOf(group, at, target)) };
  group.isExact[at] = 1;
}

/** How far the cosine of a row and a target lies above the reach. */
function giftOf({ rows, asking, reach }: Group, at: number, target: number): number {
  return quickDot((rows[at] as CoverCandidate).unit, (asking[target] as CoverTarget).unit) - reach;
}

function packed(rows: readonly { readonly unit: Float32Array }[]): Vectors {
  const width = rows[0]?.unit.length ?? 0;
  const values = new Float64Array(rows.length * width);
  for (const [at, { unit }] of rows.entries()) values.set(unit, at * width);
  return { width, values };
}

function byLabel<Row extends { readonly label: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = row.label.trim().toUpperCase();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

/** Inner product in four sums at once: millions of pairs are compared, and each is rounded to a float32 anyway. */
function quickDot(a: Float32Array, b: Float32Array): number {
  const whole = a.length - (a.length % 4);
  let [p, q, r, s] = [0, 0, 0, 0];
  for (let at = 0; at < whole; at += 4) {
    p += (a[at] as number) * (b[at] as number);
    q += (a[at + 1] as number) * (b[at + 1] as number);
    r += (a[at + 2] as number) * (b[at + 2] as number);
    s += (a[at + 3] as number) * (b[at + 3] as number);
  }
  for (let at = whole; at < a.length; at++) p += (a[at] as number) * (b[at] as number);
  return p + q + r + s;
}

function gainOf(group: Group, at: number): number {
  makeExact(group, at);
  return gainAtMost(group, at);
}

function gainAtMost({ asking, gives, served }: Group, at: number): number {
  const { targets, gifts } = gives[at] as Gifts;
  let sum = 0;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i] as number;
    const more = (gifts[i] as number) - (served[target] as number);
    if (more > 0) sum += more * (asking[target] as CoverTarget).weight;
  }
  return sum;
}

/** Finds the candidate that adds most; only those whose bound could still win are computed again, exactly at last. */
function bestOf(group: Group): number {
  const { bounds } = group;
  while (!group.topIsValid) {
    const at = largestOf(bounds);
    const bound = bounds[at] as number;
    const most = bound <= 0 ? 0 : gainAtMost(group, at);
    const gain = most < bound || bound <= 0 ? most : gainOf(group, at);
    const stale = gain < bound;
    if (stale) bounds[at] = gain;
    group.top = { at, gain };
    group.topIsValid = !stale;
  }
  return group.top.gain;
}

function largestOf(bounds: Float64Array): number {
  let top = 0;
  for (let at = 1; at < bounds.length; at++) if ((bounds[at] as number) > (bounds[top] as number)) top = at;
  return top;
}

function take(group: Group): string {
  const { at } = group.top;
  const { targets, gifts } = group.gives[at] as Gifts;
  for (const [i, target] of targets.entries()) {
    const gift = gifts[i] as number;
    if (gift > (group.served[target] as number)) group.served[target] = gift;
  }
  group.bounds[at] = -1;
  group.topIsValid = false;
  return (group.rows[at] as CoverCandidate).filepath;
}

/** Forgets what was served; returns whether a candidate that is left can add something again. */
function startAnew(group: Group): boolean {
  group.served.fill(0);
  group.topIsValid = false;
  group.bounds.forEach((bound, at) => {
    if (bound >= 0) group.bounds[at] = gainAtMost(group, at);
  });
  return bestOf(group) > LEAST_GAIN;
}

/**
 * Weights by how wrong the model is, from ranks alone, so that no threshold and no calibration of scores is assumed:
 * among PASS rows the highest score weighs most, among defects the lowest. Both sides weigh 1/2 in all when both are
 * there. `sharpness` 1 falls evenly with the rank, 3 keeps to the weakest third; equal scores share the order of rows.
 */
export function weaknessWeights(
  rows: readonly { readonly label: string; readonly score: number }[],
  sharpness: number,
): number[] {
  const weights = new Array<number>(rows.length).fill(0);
  const at = rows.map((_, index) => index);
  const sides = [at.filter((i) => isPass(rows[i]?.label ?? "")), at.filter((i) => !isPass(rows[i]?.label ?? ""))];
  const present = sides.filter((side) => side.length > 0);
  for (const side of present) {
    const wrongness = (i: number) => (side === sides[0] ? 1 : -1) * (rows[i]?.score ?? 0);
    const ranked = side.toSorted((a, b) => wrongness(a) - wrongness(b));
    const raw = ranked.map((_, rank) => ((rank + 1) / side.length) ** sharpness);
    const sum = raw.reduce((all, value) => all + value, 0);
    ranked.forEach((i, rank) => {
      weights[i] = (raw[rank] as number) / (sum * present.length);
    });
  }
  return weights;
}
