import type { Facts, RefusalCode } from "../errors.ts";
import type { StageName } from "../run/labels.ts";
import type { MetricContract } from "../run/metric.ts";
import type { GateFacts } from "./stage.ts";

/** What a gate holds the facts of a stage against. */
export type GateContext = { readonly stage: StageName; readonly contract: MetricContract };

/** A reason not to commit. Only a verdict that is `acceptable` may be accepted by a human as it stands. */
export type Verdict = {
  readonly code: RefusalCode;
  readonly message: string;
  readonly facts: Facts;
  readonly acceptable: boolean;
};

/**
 * One rule between a stage's evidence and its commit.
 *
 * Pure: the same facts always give the same verdicts. `warnings` go into the state beside the commit.
 */
export type Gate = {
  readonly name: string;
  readonly codes: readonly RefusalCode[];
  judge(facts: GateFacts, context: GateContext): readonly Verdict[];
  warnings?(facts: GateFacts): readonly string[];
};
