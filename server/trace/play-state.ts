import { blur } from "./blur.ts";
import { type Mismatch, mismatches } from "./compare.ts";
import type { TraceLine } from "./format.ts";
import type { Trace } from "./load.ts";
import type { Symbols } from "./symbols.ts";
import type { Stage, Talk } from "./talk.ts";
import type { RunningTape } from "./tape.ts";

/** One place where the replay went another way. */
export type Difference = Mismatch & { readonly file: string; readonly line: number; readonly what: string };

export type Options = { readonly newFields: boolean; readonly goOn: boolean };

/** A replay under way. */
export type Play = {
  readonly tape: RunningTape;
  readonly symbols: Symbols;
  readonly stage: Stage;
  readonly options: Options;
  readonly order: Trace["order"];
  readonly files: Trace["files"];
  readonly differences: Difference[];
  readonly skipped: Set<string>;
  /** Recorded jobs that were not started, each told once. */
  readonly missed: Set<TraceLine>;
  calls: number;
  /** Whether a server of the trace was killed on its way through a stage. */
  wasKilled: boolean;
};

/** Holds what came against what was recorded. */
export function note(line: TraceLine, what: string, expected: unknown, actual: unknown, talk: Talk, play: Play): void {
  place(mismatches(blur(expected), actual, play.options.newFields), line, what, talk, play);
}

/** Notes where in the trace something parted. */
export function place(found: readonly Mismatch[], line: TraceLine, what: string, talk: Talk, play: Play): void {
  const { file } = play.order.find((one) => one.line === line)?.connection ?? talk.connection;
  play.differences.push(...found.map((one) => ({ ...one, file, line: line.n, what })));
}
