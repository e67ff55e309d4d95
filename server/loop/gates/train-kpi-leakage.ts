import type { Gate } from "../../ports/gate.ts";
import { leaks, nearMisses } from "./leakage.ts";

/** Protects the published figure: KPI images never enter training, by key, by file or by pixels. */
export const trainKpiLeakage: Gate = {
  name: "train/KPI leakage",
  codes: ["gate.train-kpi-leakage"],
  judge: (facts) => leaks(facts, "kpi", "gate.train-kpi-leakage"),
  warnings: (facts) => nearMisses(facts, "kpi"),
};
