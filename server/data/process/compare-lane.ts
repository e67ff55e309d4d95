import type { Metric, Vectors } from "../../kpi/nearest/comparer.ts";
import { createNearest, type Nearest } from "../../kpi/nearest/nearest.ts";
import { similarityTo } from "../../kpi/nearest/similarity.ts";

/** What rows are compared with, and how: the nearest rows of each target, or the nearest target of each row. */
export type Comparing = { readonly targets: Vectors } & (
  | { readonly kind: "nearest"; readonly metric: Metric; readonly k: number }
  | { readonly kind: "similarity" }
);

export type Block = { readonly first: number; readonly values: Float64Array<ArrayBuffer> };

/** Of a block: its similarities, where they are what is asked for, and the vectors back. */
export type Compared = Block & { readonly similarity: Float64Array | undefined };

/** Compares one block after the other. */
export type CompareLane = { add(block: Block): Compared; end(): Nearest | undefined };

export function createLane(comparing: Comparing): CompareLane {
  const { targets } = comparing;
  if (comparing.kind === "nearest") {
    const search = createNearest(targets, comparing.metric, comparing.k);
    return {
      add(block) {
        search.add({ width: targets.width, values: block.values }, block.first);
        return { ...block, similarity: undefined };
      },
      end: () => search.result(),
    };
  }
  const similarity = similarityTo(targets);
  return {
    add: (block) => ({ ...block, similarity: similarity({ width: targets.width, values: block.values }) }),
    end: () => undefined,
  };
}
