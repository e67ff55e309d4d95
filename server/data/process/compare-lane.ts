import type { Metric, Vectors } from "../../kpi/nearest/comparer.ts";
import { createNearest, type Nearest } from "../../kpi/nearest/nearest.ts";
import { type Alike, similarityTo } from "../../kpi/nearest/similarity.ts";

/** What rows are compared with, and how: the nearest rows of each target, or the nearest target of each row. */
export type Comparing = { readonly targets: Vectors } & (
  | { readonly kind: "nearest"; readonly metric: Metric; readonly k: number }
  | { readonly kind: "similarity" }
);

export type Block = { readonly first: number; readonly values: Float64Array<ArrayBuffer> };

/** Of a block: what its rows are most like, where that is what is asked for, and the vectors back. */
export type Compared = Block & { readonly alike: Alike | undefined };

/** Compares one block after the other. */
export type CompareLane = { add(block: Block): Compared; end(): Nearest | undefined };

export function createLane(comparing: Comparing): CompareLane {
  const { targets } = comparing;
  if (comparing.kind === "nearest") {
    const search = createNearest(targets, comparing.metric, comparing.k);
    return {
      add(block) {
        search.add({ width: targets.width, values: block.values }, block.first);
        return { ...block, alike: undefined };
      },
      end: () => search.result(),
    };
  }
  const alikeOf = similarityTo(targets);
  return {
    add: (block) => ({ ...block, alike: alikeOf({ width: targets.width, values: block.values }) }),
    end: () => undefined,
  };
}
