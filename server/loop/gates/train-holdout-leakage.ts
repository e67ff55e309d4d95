import type { Gate } from "../../ports/gate.ts";
import { leaks, nearMisses } from "./leakage.ts";

/** Protects the frozen test set: its images never enter training, by key, by file or by pixels. */
export const trainHoldoutLeakage: Gate = {
  name: "train/holdout leakage",
  codes: ["gate.holdout-leakage"],
  judge: (facts) => leaks(facts, "holdout", "gate.holdout-leakage"),
  warnings: (facts) => nearMisses(facts, "holdout"),
};
