import { describe, expect, it } from "@jest/globals";
import { structuralCrops, structuralPatches } from "../../../server/osmo/sizing.ts";

describe("sizing", () => {
  it("forward and inverse agree for every count and number of modes", () => {
    for (const modes of [1, 2, 3]) {
      for (let count = 1; count <= 1000 * modes; count += 7) {
        const sized = structuralPatches(count, modes);
        if (sized === undefined) throw new Error(`no size for ${count}`);
        expect(sized.range).toEqual(structuralCrops(sized.patches, modes));
        expect(sized.range.high).toBeGreaterThanOrEqual(count);
        if (sized.patches < 100) expect(sized.range.low).toBeGreaterThanOrEqual(count);
        if (sized.patches > 2) expect(structuralCrops(sized.patches - 1, modes).low).toBeLessThan(count);
      }
    }
  });

  it.each([
    [1, 30],
    [2, 50],
    [3, 75],
    [5, 120],
    [10, 250],
  ])("%d frames give the published %d crops", (frames, crops) => {
    expect(structuralCrops(frames, 3)).toEqual({ low: crops, high: frames * 30 });
  });
});
