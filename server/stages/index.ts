import type { Stage } from "../ports/stage.ts";
import type { StageName } from "../run/labels.ts";
import { anomalygen } from "./anomalygen.ts";
import { dataMerge } from "./data-merge.ts";
import { dataMining } from "./data-mining.ts";
import { evaluate } from "./evaluate.ts";
import { rca } from "./rca.ts";
import { routing } from "./routing.ts";
import { train } from "./train.ts";

/** The stages by name; their order is `stageNames`, which transitions the loop allows is the loop's to say. */
export const stages: Record<StageName, Stage> = {
  routing,
  anomalygen,
  data_mining: dataMining,
  data_merge: dataMerge,
  train,
  evaluate,
  rca,
};
