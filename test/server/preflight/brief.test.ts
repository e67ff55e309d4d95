import { describe, expect, it } from "@jest/globals";
import { planBrief } from "../../../server/preflight/brief.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, depsIn } from "./support/boards.ts";

const folder = temporaryFolders();

async function resolved() {
  const resolution = await resolvePlan(completeRequest, depsIn(await boardsIn(await folder())));
  const { plan } = resolution;
  if (plan === undefined) throw new Error("no plan");
  return { ...resolution, plan };
}

describe("the question before a run", () => {
  it("says in plain text what is run, on what, how long, and where the whole plan is", async () => {
    const resolution = await resolved();
    const brief = planBrief(resolution);
    expect(brief).not.toMatch(/[|#`]/);
    for (const part of ["embedded", "FAR", "at most 2 after the baseline", "Expected time: ", "KPI set: "]) {
      expect(brief).toContain(part);
    }
    expect(brief.split("\n").at(-1)).toContain(`deft://plan/${resolution.plan.plan_id}`);
  });

  it("stays within twelve lines with many warnings, and says how many it left out", async () => {
    const resolution = await resolved();
    const warnings = Array.from({ length: 20 }, (_, at) => `warning\n${at} ${"long ".repeat(100)}`);
    const lines = planBrief({ ...resolution, warnings }).split("\n");
    expect(lines.length).toBe(12);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(160);
    const shown = lines.filter((line) => line.startsWith("Warning: ")).length;
    expect(lines.at(-2)).toBe(`and ${20 - shown} more warnings`);
  });
});
