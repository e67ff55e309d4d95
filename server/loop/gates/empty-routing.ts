import type { Gate } from "../../ports/gate.ts";

/** Protects against an iteration that cannot help: no weak sample goes to mining, none to generation. */
export const emptyRouting: Gate = {
  name: "empty routing",
  codes: ["gate.empty-routing"],
  judge: ({ routing }) =>
    routing === undefined || routing.served > 0
      ? []
      : [
          {
            code: "gate.empty-routing",
            message: "No weak sample can be served by mining or generation.",
            facts: { gaps: routing.gaps, dropped_labels: routing.dropped_labels },
            acceptable: false,
          },
        ],
};
