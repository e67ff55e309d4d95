import type { Gate } from "../../ports/gate.ts";
import { leaks, nearMisses } from "./leakage.ts";

/**
 * Protects the choice of checkpoint: no row to train on shows an image of the validation set, by key, by file through
 * whatever path, or by pixels. Judged for the seed rows, for what mining and generation add, and for the whole.
 */
export const trainValidationLeakage: Gate = {
  name: "train/validation leakage",
  codes: ["gate.train-val-leakage"],
  judge: (facts) => leaks(facts, "validation", "gate.train-val-leakage"),
  warnings: (facts) => nearMisses(facts, "validation"),
};
