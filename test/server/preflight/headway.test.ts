import { describe, expect, it } from "@jest/globals";
import { countUp, withHeadway } from "../../../server/data/headway.ts";
import { headwayOf } from "../../../server/preflight/headway.ts";

describe("what a person is told of a preflight", () => {
  const told = () => {
    const lines: [string, number | undefined][] = [];
    let ms = 0;
    const begin = headwayOf(
      4,
      (message, fraction) => void lines.push([message, fraction]),
      () => ms,
    );
    return { lines, begin, pass: (more: number) => (ms += more) };
  };

  it("is the step, how many of its images are done, the percent of the whole and what is left", async () => {
    const { lines, begin, pass } = told();
    await withHeadway(begin(1, "Copies"), async () => {
      const tell = countUp("images looked at", 100);
      pass(5000);
      await Promise.resolve();
      tell(25);
      pass(5000);
      tell(25);
    });
    expect(lines).toEqual([
      ["Copies (2 of 4)", 0.25],
      ["Copies (2 of 4): 0 of 100 images looked at", 0.25],
      ["Copies (2 of 4): 25 of 100 images looked at, about 15s left", 0.3125],
      ["Copies (2 of 4): 50 of 100 images looked at, about 10s left", 0.375],
    ]);
  });

  it("never goes back where a step counts a second time", () => {
    const { lines, begin } = told();
    const step = begin(0, "Copies");
    step("files hashed", 8, 10);
    step("pairs compared", 1, 10);
    expect(lines.at(-1)).toEqual(["Copies (1 of 4): 1 of 10 pairs compared", 0.2]);
  });

  it("costs nothing where nobody waits", () => {
    expect(() => countUp("files hashed", 3)(3)).not.toThrow();
  });
});
