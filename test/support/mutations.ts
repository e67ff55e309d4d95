import type { Random } from "../../engine/workspace/random.ts";
import { blur } from "../../server/trace/blur.ts";
import type { Lines } from "./edited-trace.ts";

/** One change of what a trace expects: a value that is another, or a field that is gone or has another name. */
export type Mutation = {
  readonly kind: "value" | "dropped" | "renamed";
  readonly n: number;
  /** The way to the field inside what is compared, as a difference names it. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
  /** Whether a declared normalisation covers it. */
  readonly blurred: boolean;
};

/** What of a line is held against the replay. */
const compared: Readonly<Record<string, readonly string[]>> = {
  result: ["result"],
  ask: ["params"],
  event: ["entry", "figures"],
  "job-start": ["spec"],
};
/** A job without one of its fields, or with a word that is none of its own, is refused as no trace. */
const fixedShape = /^spec\./;
/** A job is looked up by its id, and a call that was seen running waits no longer: both steer the replay itself. */
const steering = /^(spec\.(id|image|gpus|user)|structured\.outcome)$/;

type Leaf = { readonly holder: Lines[number]; readonly key: string; readonly n: number; readonly path: string };

/** Changes `count` fields of a connection's lines, each once; the lines are edited in place. */
export function mutate(lines: Lines, count: number, random: Random): Mutation[] {
  const leaves = lines.flatMap((line) =>
    (compared[line.kind] ?? []).flatMap((member) =>
      leavesOf(line[member], line.kind === "result" ? "" : member, line.n),
    ),
  );
  const chosen = Array.from({ length: Math.min(count, leaves.length) }, () =>
    leaves.splice(Math.floor(random() * leaves.length), 1),
  ).flat();
  return chosen.map((leaf, at) => change(leaf, at, random));
}

function leavesOf(value: Lines[number], path: string, n: number): Leaf[] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, member]): Leaf[] => {
    const here = Array.isArray(value) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    if (member !== null && typeof member === "object") return leavesOf(member, here, n);
    return steering.test(here) ? [] : [{ holder: value, key, n, path: here }];
  });
}

function change({ holder, key, n, path }: Leaf, at: number, random: Random): Mutation {
  const before = holder[key];
  const isFixed = Array.isArray(holder) || fixedShape.test(path);
  const kind = isFixed ? "value" : (["value", "value", "dropped", "renamed"] as const)[Math.floor(random() * 4)];
  if (kind === "value" || kind === undefined) {
    const after = otherValue(before, at, random);
    holder[key] = after;
    const blurred = JSON.stringify(blur({ [key]: before })) === JSON.stringify(blur({ [key]: after }));
    return { kind: "value", n, path, before, after, blurred };
  }
  delete holder[key];
  if (kind === "renamed") holder[`${key}_${at}`] = before;
  return { kind, n, path, before, after: "(nothing)", blurred: false };
}

/** Another value of the same type; texts change by a word or by one digit. */
function otherValue(before: unknown, at: number, random: Random): unknown {
  if (typeof before === "number") return before + (random() < 0.5 ? 1 : 1e-6);
  if (typeof before === "boolean") return !before;
  const text = String(before);
  const digits = [...text.matchAll(/\d/g)];
  const digit = digits[Math.floor(random() * digits.length)];
  if (digit === undefined || random() < 0.5) return `${text} mutation ${at}`;
  return `${text.slice(0, digit.index)}${(Number(digit[0]) + 1) % 10}${text.slice(digit.index + 1)}`;
}
