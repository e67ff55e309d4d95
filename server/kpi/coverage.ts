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
  const useful = groups.reduce((sum, { bounds }) => sum + bounds.filter((gain) => gain > LEAST_GAIN).length, 0);
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
  readonly paths: readonly string[];
  readonly weights: readonly number[];
  /** For each candidate the targets that it serves, and what it gives each. */
  readonly gives: readonly Gifts[];
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
      paths: rows.map(({ filepath }) => filepath),
      weights: asking.map(({ weight }) => weight),
      gives: giftsOf(rows, asking, reach),
      served: new Float32Array(asking.length),
      bounds: new Float64Array(rows.length),
      top: { at: 0, gain: 0 },
      topIsValid: false,
    };
    rows.forEach((_, at) => {
      group.bounds[at] = gainOf(group, at);
    });
    return group;
  });
}

/** Rows that are compared at once. */
const block = 512;

/** What rows give targets: only pairs that float32 arithmetic leaves in question are computed as they count. */
function giftsOf(rows: readonly CoverCandidate[], asking: readonly CoverTarget[], reach: number): Gifts[] {
  if (asking.length === 0) return rows.map(() => ({ targets: new Uint32Array(), gifts: new Float32Array() }));
  const comparer = createComparer(packed(asking), "cosine");
  const given: { targets: number[]; gifts: number[] }[] = rows.map(() => ({ targets: [], gifts: [] }));
  for (let from = 0; from < rows.length; from += block) {
    comparer.compare(packed(rows.slice(from, from + block)), (strip) => {
      const { firstQuery, firstRow, closeness, stride, slack } = strip;
      const floors = Float64Array.from({ length: strip.queries }, (_, at) => reach - slack(firstQuery + at));
      for (let r = 0; r < strip.rows; r++) {
        const at = from + firstRow + r;
        for (let q = 0; q < strip.queries; q++) {
          if ((closeness[r * stride + q] as number) < (floors[q] as number)) continue;
          const target = firstQuery + q;
          const cosine = quickDot((rows[at] as CoverCandidate).unit, (asking[target] as CoverTarget).unit);
          if (cosine <= reach) continue;
          given[at]?.targets.push(target);
          given[at]?.gifts.push(cosine - reach);
        }
      }
    });
  }
  return given.map(({ targets, gifts }) => ({ targets: Uint32Array.from(targets), gifts: Float32Array.from(gifts) }));
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

function gainOf({ weights, gives, served }: Group, at: number): number {
  const { targets, gifts } = gives[at] as Gifts;
  let sum = 0;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i] as number;
    const more = (gifts[i] as number) - (served[target] as number);
    if (more > 0) sum += more * (weights[target] as number);
  }
  return sum;
}

/** Finds the candidate that adds most; only those whose bound could still win are computed again. */
function bestOf(group: Group): number {
  while (!group.topIsValid) {
    const at = largestOf(group.bounds);
    const gain = (group.bounds[at] as number) <= 0 ? 0 : gainOf(group, at);
    const stale = gain < (group.bounds[at] as number);
    if (stale) group.bounds[at] = gain;
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
  return group.paths[at] as string;
}

/** Forgets what was served; returns whether a candidate that is left can add something again. */
function startAnew(group: Group): boolean {
  group.served.fill(0);
  group.topIsValid = false;
  group.bounds.forEach((bound, at) => {
    if (bound >= 0) group.bounds[at] = gainOf(group, at);
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
