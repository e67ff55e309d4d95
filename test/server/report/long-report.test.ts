import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { renderReport } from "../../../server/report/render.ts";
import { testDeps } from "../../support/a-run.ts";
import { finishedRun } from "../../support/finished-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { longRun } from "../../support/long-run.ts";

const newFolder = temporaryFolders();

async function pageOf(entries: number): Promise<string> {
  const home = await newFolder();
  const deps = testDeps({ env: { XDG_STATE_HOME: join(home, "state") } });
  const runDir = join(home, "board", "results", "run_20261121_100000");
  await longRun(runDir, entries, deps);
  return await readFile((await renderReport(runDir, deps)).report_path, "utf8");
}

const found = (page: string, what: RegExp) => [...page.matchAll(what)].length;

describe("the report of a run with a very long log", () => {
  it("lists its newest events and says where the others are, and counts all of them", async () => {
    const page = await pageOf(3100);
    expect(found(page, /trained 30 epochs/g)).toBe(2000);
    expect(page).toContain("3,088 earlier events");
    expect(page).toContain("The first 1,100 are in <code>loop_log.jsonl</code> alone.");
    expect(page).toContain('<td class="n">3,100</td>');
    expect(page).toContain("The digest chain of state and log holds.");
  });

  it("is as large as that of one a third longer", async () => {
    const [one, other] = [await pageOf(3000), await pageOf(4000)];
    expect(Math.abs(one.length - other.length)).toBeLessThan(500);
    expect(found(other, /data-seconds=/g)).toBe(1);
  });
});

describe("tables that a report counted before", () => {
  it("are counted again once they were changed", async () => {
    const run = await finishedRun();
    try {
      const deps = testDeps();
      expect((await renderReport(run.runDir, deps)).warnings).toEqual([]);
      expect((await renderReport(run.runDir, deps)).warnings).toEqual([]);
      const path = run.state.iterations.iter1?.provenance_csv ?? "";
      const [last = ""] = (await readFile(path, "utf8")).trimEnd().split("\n").slice(-1);
      await appendFile(path, `${last}\n`);
      expect((await renderReport(run.runDir, deps)).warnings).toContainEqual(
        expect.stringMatching(/^iter1: \d+ training rows, but \d+ before plus \d+ added\.$/),
      );
    } finally {
      await run.remove();
    }
  });
});
