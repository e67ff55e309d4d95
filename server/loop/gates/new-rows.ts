import type { Gate } from "../../ports/gate.ts";

/** Protects against an iteration that would train on the rows of the last one again. */
export const newRows: Gate = {
  name: "new rows",
  codes: ["gate.no-new-rows"],
  judge: ({ additions }) =>
    additions === undefined || additions.new_rows > 0
      ? []
      : [
          {
            code: "gate.no-new-rows",
            message: "The iteration adds no row that training has not seen.",
            facts: additions,
            acceptable: true,
          },
        ],
};
