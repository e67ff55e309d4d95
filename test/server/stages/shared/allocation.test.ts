import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { labelOfFile, splitByLabels } from "../../../../server/stages/shared/allocation.ts";

const rows = (counts: Record<string, number>) => new Map(Object.entries(counts));

describe("the split of generated images over defect types", () => {
  it.each([
    [
      "follows the routed rows",
      { BRIDGE: 1, MISSING: 3 },
      ["pcb+bridge", "pcb+missing"],
      20,
      { "pcb+bridge": 5, "pcb+missing": 15 },
    ],
    [
      "gives what is left to the largest remainder",
      { BRIDGE: 1, MISSING: 2 },
      ["pcb+bridge", "pcb+missing"],
      20,
      { "pcb+bridge": 7, "pcb+missing": 13 },
    ],
    [
      "gives ties to the first type",
      { BRIDGE: 1, MISSING: 1 },
      ["pcb+bridge", "pcb+missing"],
      3,
      { "pcb+bridge": 2, "pcb+missing": 1 },
    ],
    [
      "shares a label between textures",
      { BRIDGE: 4 },
      ["IC+bridge", "R+bridge", "R+shift"],
      5,
      { "IC+bridge": 3, "R+bridge": 2 },
    ],
    [
      "ignores PASS and labels without a type",
      { PASS: 50, SHIFT: 3, BRIDGE: 1 },
      ["pcb+bridge"],
      4,
      { "pcb+bridge": 4 },
    ],
  ])("%s", (_, counts, types, total, expected) => {
    expect(splitByLabels(rows(counts), types, total)).toEqual(expected);
  });

  it("is left to the generator when no label names a type", () => {
    expect(splitByLabels(rows({ PASS: 9 }), ["pcb+bridge"], 4)).toBeUndefined();
  });

  it("always sums to what was asked for", () => {
    const types = ["a+x", "b+x", "a+y", "a+z"];
    const counts = fc.record({ X: fc.nat(99), Y: fc.nat(99), Z: fc.nat(99) });
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 500 }), (labels, total) => {
        const split = splitByLabels(rows(labels), types, total);
        return split === undefined || Object.values(split).reduce((sum, count) => sum + count, 0) === total;
      }),
    );
  });
});

describe("the label of a generated file", () => {
  it.each([
    ["PCB+bridge_00000.png", "bridge"],
    ["PCB+excess_solder_00012.png", "excess_solder"],
    ["IC+Pin-Hole_00001.png", "pin-hole"],
  ])("%s is %s", (name, label) => {
    expect(labelOfFile(name)).toBe(label);
  });
});
