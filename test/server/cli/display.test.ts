import { PassThrough } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { barDisplay, barText, drawnInPlace, plainDisplay } from "../../../server/cli/display.ts";
import { nearPaths } from "../../../server/cli/io.ts";
import { textTable } from "../../../server/cli/text-table.ts";

const terminal = (columns: number) => Object.assign(new PassThrough(), { columns });

describe("progress for people", () => {
  it("draws no more than a full bar and no less than an empty one", () => {
    expect(barText(-1)).toBe(`[${"░".repeat(24)}]   0%`);
    expect(barText(0.5)).toBe(`[${"█".repeat(12)}${"░".repeat(12)}]  50%`);
    expect(barText(7)).toBe(`[${"█".repeat(24)}] 100%`);
  });

  it("writes plain lines, and no control characters, where there is no terminal", () => {
    const out = new PassThrough();
    const display = plainDisplay(out);
    display.progress(0.5, "baseline train");
    display.say("done");
    display.close();
    expect(String(out.read())).toBe("done\n");
  });

  it("never draws a line wider than the terminal, and leaves none behind", () => {
    const out = terminal(50);
    const display = barDisplay(out);
    display.progress(0.5, "a long description of what is being done at the moment");
    display.say("a stage is done");
    display.close();
    const drawn = String(out.read()).split("\r\u001b[2K");
    expect(drawn.filter((line) => !line.endsWith("\n")).every((line) => line.length < 50)).toBe(true);
    expect(drawn).toContain("a stage is done\n");
    expect(drawn.at(-1)).toBe("");
  });

  it("draws a picture over the one before, and cuts lines that would wrap", () => {
    const out = terminal(20);
    const draw = drawnInPlace(out);
    draw("Run        /a/long/way/to/a/run\nStatus     in_progress\n");
    draw("Run        /a/long/way/to/a/run\n");
    const first = "Run        /a/long/\nStatus     in_progr\n";
    expect(String(out.read())).toBe(`${first}\u001b[2A\u001b[0JRun        /a/long/\n`);
  });

  it("aligns figures to the right under their header", () => {
    const rows = [
      ["baseline", "31.79%"],
      ["iter1", "7.1%"],
    ];
    expect(textTable(["iteration", "FAR"], rows)).toBe("iteration     FAR\nbaseline   31.79%\niter1        7.1%");
  });
});

describe("paths that a person reads", () => {
  it.each([
    ["Run        /w/results/run_1\n", "Run        results/run_1\n"],
    ["`/w/a.csv` and (/w/b.csv)", "`a.csv` and (b.csv)"],
    ["deft-mcp status /w/results/run_1", "deft-mcp status results/run_1"],
    ["/w", "/w"],
    ["/x/w/a.csv", "/x/w/a.csv"],
    ["/w2/a.csv", "/w2/a.csv"],
  ])("are those below the current directory: %j", (text, shown) => {
    expect(nearPaths(text, "/w")).toBe(shown);
  });

  it("stay whole at the root of the disk", () => {
    expect(nearPaths("/a/b", "/")).toBe("/a/b");
  });
});
