import type { Gate } from "../../ports/gate.ts";
import { unexplained } from "./ledger.ts";

/**
 * Protects against rows that vanish or appear between two steps: routing, synthesis, pairing, cosine floor, mining
 * history, contribution, assembly, provenance. Every difference has a rule of the method or a human's acceptance.
 */
export const silentDrop: Gate = {
  name: "silent drop",
  codes: ["gate.silent-drop"],
  judge: ({ ledger }) => unexplained(ledger, "gate.silent-drop", true),
};
