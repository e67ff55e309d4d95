import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { pythonFixed, pythonFloat } from "../../../server/kpi/python-text.ts";

describe("numbers as Python writes them", () => {
  it.each([
    [0.3, "0.3"],
    [1, "1.0"],
    [-0, "-0.0"],
    [1e-7, "1e-07"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [0.000012345, "1.2345e-05"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.5e300, "1.5e+300"],
    [123456.789, "123456.789"],
    [0.049999999999999996, "0.049999999999999996"],
    [5e-324, "5e-324"],
    [Number.NaN, "nan"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ])("%d is %s", (value, text) => expect(pythonFloat(value)).toBe(text));

  it("every double is read back as itself", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) =>
        expect(Number(pythonFloat(value))).toBe(value),
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    [6.25, 1, "6.2"],
    [18.75, 1, "18.8"],
    [0.5, 0, "0"],
    [1.5, 0, "2"],
    [-6.25, 1, "-6.2"],
    [22.727272727272727, 1, "22.7"],
    [40, 4, "40.0000"],
    [0.35, 1, "0.3"],
  ])("%d with %d decimals is %s: ties go to the even digit", (value, digits, text) =>
    expect(pythonFixed(value, digits)).toBe(text),
  );
});
