import { keptAnswer } from "../../data/kept-images.ts";
import { findTwins } from "../../data/twins/find.ts";
import { goldenPlace } from "../../data/twins/search.ts";
import type { RefusalCode } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import { canonicalLabel } from "../../run/pass-labels.ts";
import type { TwinPair } from "../../run/state.ts";
import { halt, ok } from "../findings.ts";
import type { Findings, Side, Sides, Step, StepCheck } from "../survey.ts";
import { leakPairs } from "./leakage.ts";
import { sideNames, type TwinGroup, type TwinImage, twinGroups } from "./twin-images.ts";

/** Agreement from which two images of one board with one label are one photograph: a turned or brightened copy. */
const oneImage = 0.85;
/** Images of one lighting beyond this are not compared: it would hold up the plan by more than a few minutes. */
const mostImages = 40_000;
/** Pairs that are named. */
const shown = 12;

/**
 * Copies of images that were turned, mirrored, scaled, cut, made brighter or compressed again, between sets that must
 * share nothing and within one set, under each lighting. Two boards of one design look alike but for their grain, which is
 * what is compared. A golden image is held against what other sets inspect.
 */
export function twinsStep(most = mostImages): Step {
  return {
    id: "near_copies",
    title: "Changed copies of images",
    async look({ sides, signal }): Promise<Findings> {
      if (sides === undefined) return {};
      const question = sides.question && `${sides.question} ${most}`;
      return await keptAnswer("twins", question, async () => {
        const { inspected, golden } = await twinGroups(sides, most, signal);
        const pairs: Found[] = [];
        for (const [light, group] of inspected.entries())
          pairs.push(...(await foundIn(sides, group, `inspected ${light}`, signal)));
        for (const [light, group] of golden.entries())
          pairs.push(...(await foundIn(sides, group, `golden ${light}`, signal, true)));
        return findingsOn(onceEach(pairs), Math.max(0, ...[...inspected, ...golden].map(({ left_out }) => left_out)));
      });
    },
  };
}

type Found = { readonly pair: TwinPair; readonly sides: readonly [Side, Side]; readonly code?: RefusalCode };

async function foundIn(
  sides: Sides,
  { files: images, places, imageAt }: TwinGroup,
  name: string,
  signal: AbortSignal | undefined,
  withGolden = false,
) {
  const found = await findTwins({ index: sides.index, images, places, withGolden, name }, signal);
  return found.flatMap(({ one, other, likeness }): Found[] => {
    // Drawings of one design are clean and alike: short of one image, a golden one is like many.
    if (withGolden && likeness < oneImage) return [];
    return judged(imageAt(one), imageAt(other), likeness) ?? [];
  });
}

/** Two parts that are alike under several lightings are one pair, told by the most alike of their images. */
function onceEach(found: readonly Found[]): Found[] {
  const best = new Map<string, Found>();
  for (const one of found) {
    const key = [one.pair.one, one.pair.other].map(({ set, line }) => `${set} ${line}`).join("\0");
    if ((best.get(key)?.pair.likeness ?? -1) < one.pair.likeness) best.set(key, one);
  }
  return [...best.values()].sort((a, b) => b.pair.likeness - a.pair.likeness || (rankOf(a) < rankOf(b) ? -1 : 1));
}

/** Sorts pairs that are equally alike: which was found first depends on what was known before. */
function rankOf({ pair: { one, other } }: Found): string {
  return [one, other].map(({ set, line }) => `${set} ${String(line).padStart(12)}`).join(" ");
}

function leftOutText(left_out: number): string[] {
  if (left_out === 0) return [];
  const images = counted(left_out, "training and pool image");
  return [`${images} under one lighting were not looked at for turned, cut or brightened copies: there are too many.`];
}

/** What a pair means; undefined where both images train. */
function judged(a: TwinImage, b: TwinImage, likeness: number): Found[] | undefined {
  const within = a.side === b.side;
  const leak = leakPairs.find(([used, held]) => sameTwo([used, held], [a.side, b.side]));
  if (!within && leak === undefined) return undefined;
  const agree = canonicalLabel(a.label) === canonicalLabel(b.label) && a.board !== undefined && a.board === b.board;
  const inspected = ((a.place | b.place) & goldenPlace) === 0;
  const stops = inspected && !within && agree && likeness >= oneImage;
  const pair = { one: shownPart(a), other: shownPart(b), likeness: Math.round(likeness * 1000) / 1000 };
  return [{ pair, sides: [a.side, b.side], ...(stops && leak !== undefined ? { code: leak[2] } : {}) }];
}

function shownPart({ side: _side, place: _place, ...part }: TwinImage): TwinPair["one"] {
  return part;
}

function sameTwo([a, b]: readonly [Side, Side], [c, d]: readonly [Side, Side]): boolean {
  return (a === c && b === d) || (a === d && b === c);
}

function findingsOn(found: readonly Found[], left_out: number): Findings {
  const groups = new Map<string, Found[]>();
  for (const one of found) {
    const key = [...[...one.sides].sort(), one.code ?? ""].join(" ");
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const checks: StepCheck[] = [];
  const warnings = leftOutText(left_out);
  for (const group of groups.values()) {
    const [{ sides: [one, other] = [], code } = {}] = group;
    if (one === undefined || other === undefined) continue;
    const where =
      one === other ? `within the ${sideNames[one]} set` : `of the ${sideNames[one]} and the ${sideNames[other]} set`;
    const detail = `${counted(group.length, "pair")} of images ${where} ${group.length === 1 ? "is a copy" : "are copies"} but for turning, cut, size, brightness or compression`;
    const examples = group.slice(0, shown).map(({ pair }) => pair);
    if (code === undefined) warnings.push(`${detail}, or look so: ${examples.map(pairText).join("; ")}.`);
    else
      checks.push({
        ...halt(code, `${detail}, with one label on one board`),
        facts: { count: group.length, examples },
      });
  }
  const twins = found.slice(0, shown).map(({ pair }) => pair);
  const state = { twins: { pairs: twins, left_out } };
  if (checks.length > 0) return { checks, warnings, found: state };
  return ok(`${counted(found.length, "pair")} found`, { warnings, found: state });
}

function pairText({ one, other, likeness }: TwinPair): string {
  return `line ${one.line} (${one.object_name}) and line ${other.line} (${other.object_name}), ${likeness.toFixed(2)}`;
}
