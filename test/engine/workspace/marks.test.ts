import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { addMarks } from "../../../engine/workspace/marks.ts";
import { streamOf } from "../../../engine/workspace/random.ts";

const side = 96;
const material = { copper: 60, laminate: 160 };

describe("dust and print", () => {
  it("leave the surroundings of a defect as they were", () => {
    const place = fc.integer({ min: 14, max: side - 14 });
    fc.assert(
      fc.property(fc.integer(), place, place, (seed, x, y) => {
        const gray = new Float32Array(side * side).fill(111);
        addMarks({ gray, side, material, keep_clear: { x, y } }, ["dust", "print"], streamOf(seed));
        const marked = [...gray.keys()].filter((i) => gray[i] !== 111);
        const nearest = Math.min(...marked.map((i) => Math.hypot((i % side) - x, Math.floor(i / side) - y)));
        expect(marked.length).toBeGreaterThan(20);
        expect(nearest).toBeGreaterThan(3);
      }),
      { numRuns: 60 },
    );
  });

  it("stay away from the levels of copper and laminate", () => {
    const gray = new Float32Array(side * side).fill(material.laminate);
    addMarks({ gray, side, material }, ["print"], streamOf(3));
    expect(Math.max(...gray)).toBeGreaterThan(material.laminate + 25);
  });
});
