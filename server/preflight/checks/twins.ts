import { type RowColumns, textAt } from "../../data/row-columns.ts";
import type { RowImages } from "../../data/row-images.ts";
import { findTwins } from "../../data/twins/find.ts";
import { excerpt, type RefusalCode } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import { canonicalLabel } from "../../run/pass-labels.ts";
import type { TwinPair } from "../../run/state.ts";
import { halt, ok } from "../findings.ts";
import type { Findings, Side, Sides, Step, StepCheck } from "../survey.ts";
import { leakPairs } from "./leakage.ts";

/** Agreement from which two images of one board with one label are one photograph: a turned or brightened copy. */
const oneImage = 0.85;
/** Images beyond this are not compared: it would hold up the plan by more than a few minutes. */
const mostImages = 40_000;
/** Pairs that are named. */
const shown = 12;

const names: Readonly<Record<Side, string>> = {
  training_csv: "training",
  validation_csv: "validation",
  kpi_csv: "KPI",
  holdout_csv: "frozen test",
  pool: "pool",
};

/**
 * Copies of images that were turned, mirrored, scaled, cut, made brighter or compressed again, between sets that must
 * share nothing and within one set. Two boards of one design look alike but for their grain, which is what is compared.
 */
export const twinsStep: Step = {
  id: "near_copies",
  title: "Changed copies of images",
  async look({ sides, signal }): Promise<Findings> {
    if (sides === undefined) return {};
    const images = imagesOf(sides);
    if (images.length > mostImages) {
      const warning = `${images.length} images are too many to look for turned, cut or brightened copies among them.`;
      return ok("not looked for", { warnings: [warning] });
    }
    const found = await findTwins(
      images.map(({ path }) => path),
      signal,
    );
    const pairs = found.flatMap(({ one, other, likeness }): Found[] => {
      const [a, b] = [images[one], images[other]];
      return a === undefined || b === undefined ? [] : (judged(a, b, likeness) ?? []);
    });
    return findingsOn(pairs);
  },
};

type Image = TwinPair["one"] & { readonly path: string; readonly side: Side; readonly line: number };
type Found = { readonly pair: TwinPair; readonly sides: readonly [Side, Side]; readonly code?: RefusalCode };

/** The inspected image of every row under its first light, each file once: of a set that is held out where it is in one. */
function imagesOf({ index, ...sides }: Sides): Image[] {
  const seen = new Set<number>();
  const images: Image[] = [];
  for (const side of ["holdout_csv", "kpi_csv", "validation_csv", "training_csv", "pool"] as const) {
    const rows = sides[side];
    for (let row = 0; rows !== undefined && row < rows.columns.rows; row++) {
      const file = index.identityOf(rows.input[row * rows.count] ?? -1);
      if (seen.has(file) || index.stateOf(file) !== "ok") continue;
      seen.add(file);
      images.push({ ...partOf(rows, row), path: index.pathOf(file), side, set: names[side] });
    }
  }
  return images;
}

function partOf({ columns }: RowImages, row: number) {
  const board = boardOf(columns, row);
  return {
    object_name: excerpt(columns.object_name[row] ?? "", 80),
    label: excerpt(textAt(columns, columns.label, row), 80),
    ...(board === "" ? {} : { board: excerpt(board, 80) }),
    line: columns.lines[row] ?? 0,
  };
}

function boardOf(columns: RowColumns, row: number): string {
  return textAt(columns, columns.boardname, row).trim();
}

/** What a pair means; undefined where both images train. */
function judged(a: Image, b: Image, likeness: number): Found[] | undefined {
  const within = a.side === b.side;
  const leak = leakPairs.find(([used, held]) => sameTwo([used, held], [a.side, b.side]));
  if (!within && leak === undefined) return undefined;
  const agree = canonicalLabel(a.label) === canonicalLabel(b.label) && a.board !== undefined && a.board === b.board;
  const stops = !within && agree && likeness >= oneImage;
  const pair = { one: shownPart(a), other: shownPart(b), likeness: Math.round(likeness * 1000) / 1000 };
  return [{ pair, sides: [a.side, b.side], ...(stops && leak !== undefined ? { code: leak[2] } : {}) }];
}

function shownPart({ side: _, ...part }: Image): TwinPair["one"] {
  return part;
}

function sameTwo([a, b]: readonly [Side, Side], [c, d]: readonly [Side, Side]): boolean {
  return (a === c && b === d) || (a === d && b === c);
}

function findingsOn(found: readonly Found[]): Findings {
  const groups = new Map<string, Found[]>();
  for (const one of found) {
    const key = [...[...one.sides].sort(), one.code ?? ""].join(" ");
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const checks: StepCheck[] = [];
  const warnings: string[] = [];
  for (const group of groups.values()) {
    const [{ sides: [one, other] = [], code } = {}] = group;
    if (one === undefined || other === undefined) continue;
    const where = one === other ? `within the ${names[one]} set` : `of the ${names[one]} and the ${names[other]} set`;
    const detail = `${counted(group.length, "pair")} of images ${where} ${group.length === 1 ? "is a copy" : "are copies"} but for turning, cut, size, brightness or compression`;
    const examples = group.slice(0, shown).map(({ pair }) => pair);
    if (code === undefined) warnings.push(`${detail}, or look so: ${examples.map(pairText).join("; ")}.`);
    else
      checks.push({
        ...halt(code, `${detail}, with one label on one board`),
        facts: { count: group.length, examples },
      });
  }
  const state = { twins: found.slice(0, shown).map(({ pair }) => pair) };
  if (checks.length > 0) return { checks, warnings, found: state };
  return ok(`${counted(found.length, "pair")} found`, { warnings, found: state });
}

function pairText({ one, other, likeness }: TwinPair): string {
  return `line ${one.line} (${one.object_name}) and line ${other.line} (${other.object_name}), ${likeness.toFixed(2)}`;
}
