import { describe, expect, it } from "@jest/globals";
import { castSet, survivesCasting } from "../../../server/osmo/casting.ts";

describe("what --set makes of a value", () => {
  it.each([
    ["1_000", "1000", true],
    ["115_2819_000", "1152819000", true],
    ["007", "7", true],
    [" 7", "7", true],
    ["+7", "7", true],
    ["-1", "-1", true],
    ["1e5", "100000.0", true],
    ["5e1", "50.0", true],
    ["1e2", "100.0", true],
    ["inf", "inf", true],
    ["-Infinity", "-inf", true],
    ["nan", "nan", true],
    [".5", "0.5", true],
    ["1.", "1.0", true],
    ["1_0.5", "10.5", true],
    ["0e123456", "0.0", true],
    ["00012345", "12345", true],
    ["1e-5", "1e-05", true],
    ["1e16", "1e+16", true],
    ["1e999", "inf", true],
    ["1__0", "1__0", false],
    ["_1", "_1", false],
    ["0x10", "0x10", false],
    ["0603_H100", "0603_H100", false],
    ["True", "True", false],
    ["null", "null", false],
    ["", "", false],
    [".", ".", false],
    ["e5", "e5", false],
    ["-", "-", false],
  ])("%s becomes %s", (value, text, number) => {
    expect(castSet(value)).toEqual({ number, text });
  });

  it.each([
    ["1152819000", true],
    ["0603_H100", true],
    ["good_image_gen-00012345", true],
    ["115_2819_000", false],
    ["0e123456", false],
    ["00012345", false],
  ])("a name %s comes out as it went in: %s", (name, survives) => {
    expect(survivesCasting(name)).toBe(survives);
  });
});
