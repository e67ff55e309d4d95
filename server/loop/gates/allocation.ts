import type { Gate } from "../../ports/gate.ts";
import { unexplained } from "./ledger.ts";

/**
 * Protects the generator's budget: as many images are allocated as were requested, and as many are placed as were
 * allocated (tao-stages 4.8). A lower yield counts only when a human accepts it.
 */
export const allocation: Gate = {
  name: "AMP allocation",
  codes: ["gate.allocation-mismatch"],
  judge: ({ allocation: steps }) => unexplained(steps, "gate.allocation-mismatch", true),
};
