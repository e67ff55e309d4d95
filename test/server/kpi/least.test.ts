import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { leastRows } from "../../../server/kpi/least.ts";

it("the rows of least value come in their order, equal ones by row, however many there are", () => {
  const values = fc.array(fc.constantFrom(Number.NEGATIVE_INFINITY, -1, 0, 0.5, 2, Number.POSITIVE_INFINITY));
  const most = fc.oneof(fc.nat({ max: 8 }), fc.constant(Number.POSITIVE_INFINITY));
  fc.assert(
    fc.property(values, most, (drawn, most) => {
      const least = leastRows(most);
      for (const [row, value] of drawn.entries()) least.add(row, value);
      // A stable sort keeps equal ones by row.
      const sorted = [...drawn.keys()].sort((a, b) =>
        drawn[a] === drawn[b] ? 0 : Number(drawn[a]) - Number(drawn[b]),
      );
      expect(least.rows()).toEqual(sorted.slice(0, most));
    }),
  );
});
