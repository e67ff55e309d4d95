import type { RefusalCode } from "../errors.ts";

/** One kind of fault in a CSV: how often it occurs, and the first five places. */
export type Problem = {
  readonly code: RefusalCode;
  readonly count: number;
  readonly examples: readonly Readonly<Record<string, unknown>>[];
  /** What was found, where the code and the count do not say it. */
  readonly text?: string;
};

export type ProblemList = {
  add(code: RefusalCode, example: () => Readonly<Record<string, unknown>>): void;
  /** Adds a problem that was counted elsewhere; a count of zero adds nothing. */
  addCounted(code: RefusalCode, count: number, examples: Problem["examples"], text?: string): void;
  all(): Problem[];
};

const exampleLimit = 5;

/** Collects problems in the order in which their kinds first occur. */
export function problemList(): ProblemList {
  const found = new Map<RefusalCode, { count: number; examples: Readonly<Record<string, unknown>>[]; text?: string }>();
  const kind = (code: RefusalCode) => {
    const known = found.get(code) ?? { count: 0, examples: [] };
    found.set(code, known);
    return known;
  };
  return {
    add(code, example) {
      const problem = kind(code);
      problem.count++;
      if (problem.examples.length < exampleLimit) problem.examples.push(example());
    },
    addCounted(code, count, examples, text) {
      if (count === 0) return;
      const problem = kind(code);
      problem.count += count;
      problem.examples.push(...examples.slice(0, exampleLimit - problem.examples.length));
      if (text !== undefined) problem.text = text;
    },
    all: () => Array.from(found, ([code, problem]) => ({ code, ...problem })),
  };
}
