import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Page } from "playwright-core";
import { evaluateThreshold, sweepThresholds } from "../../server/kpi/sweep.ts";
import { load } from "../../server/report/load.ts";
import { renderReport } from "../../server/report/render.ts";
import { isPass } from "../../server/run/pass-labels.ts";
import { type FinishedRun, finishedRun, type Wish } from "../support/finished-run.ts";
import { axeViolations, type OpenBrowser, openBrowser, type WatchedPage, watchedPage } from "./open-browser.ts";

const clock = { now: () => new Date("2026-11-21T11:00:00Z") };
let browser: OpenBrowser;
const runs: FinishedRun[] = [];

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
});

afterEach(async () => {
  for (const page of browser.context.pages()) await page.close();
  for (const run of runs.splice(0)) await run.remove();
});

async function aReport(wish?: Wish): Promise<{ run: FinishedRun; url: string }> {
  const run = await finishedRun(wish);
  runs.push(run);
  const { report_path } = await renderReport(run.runDir, { clock });
  return { run, url: pathToFileURL(report_path).href };
}

async function opened(url: string, look?: Parameters<typeof watchedPage>[1]): Promise<WatchedPage> {
  const watched = await watchedPage(browser, look);
  await watched.page.goto(url);
  return watched;
}

async function scoresOf(run: FinishedRun, label: string) {
  const text = await readFile(join(run.runDir, label, "inference", "best_val", "inference.csv"), "utf8");
  const rows = text.trimEnd().split("\n").slice(1);
  const cells = rows.map((row) => row.split(","));
  return { scores: cells.map((row) => Number(row[4])), defective: cells.map((row) => !isPass(row[2] ?? "")) };
}

/** The figures that an explorer shows, at full precision where the page keeps it. */
function figures(page: Page, label: string): Promise<Record<string, number>> {
  return page.$$eval(`[data-explorer="${label}"] [data-out]`, (all) => {
    const cells = all as readonly { dataset: { out: string; value?: string }; textContent: string }[];
    const read = (cell: (typeof cells)[number]) => Number(cell.dataset.value ?? cell.textContent.replaceAll(",", ""));
    return Object.fromEntries(cells.map((cell) => [cell.dataset.out, read(cell)]));
  });
}

describe("the charts in a browser", () => {
  it("show the FAR of every iteration and the target as the model has them", async () => {
    const { run, url } = await aReport();
    const { page } = await opened(url);
    const dots = await page.$$eval('[data-chart="progress"] .dot', (all) =>
      all.map((dot) => ({
        label: dot.getAttribute("data-iteration"),
        value: Number(dot.getAttribute("data-value")),
        y: Number(dot.getAttribute("cy")),
      })),
    );
    const model = await load(run.runDir, { clock });
    expect(dots.map(({ label, value }) => [label, value])).toEqual(
      model.iterations.map((view) => [view.label, view.far_pct]),
    );
    expect(dots.map(({ y }) => y)).toEqual(dots.map(({ y }) => y).sort((a, b) => a - b));
    expect(await page.getAttribute('[data-chart="progress"] .target', "data-target")).toBe("0.5");
  });

  it("show every scored part once in the histograms and every training row once in the bars", async () => {
    const { url } = await aReport();
    const { page } = await opened(url);
    const total = (selector: string, name: string) =>
      page.$$eval(
        selector,
        (all, attribute) => all.reduce((sum, bar) => sum + Number(bar.getAttribute(attribute)), 0),
        name,
      );
    expect(await total('[data-chart="distribution-0"] [data-panel="pass"] rect', "data-count")).toBe(1000);
    expect(await total('[data-chart="distribution-0"] [data-panel="defective"] rect', "data-count")).toBe(40);
    expect(await total('[data-chart="growth-chart"] rect[data-iteration="iter2"]', "data-rows")).toBe(290);
    expect(
      await total('[data-chart="growth-chart"] rect[data-source="synthetic"][data-iteration="iter2"]', "data-rows"),
    ).toBe(40);
  });

  it("have a name and a text alternative each", async () => {
    const { url } = await aReport();
    const { page } = await opened(url);
    const named = await page.$$eval("svg.chart", (all) =>
      all.map((chart) => [
        chart.getAttribute("role"),
        chart.querySelector("title")?.textContent,
        chart.querySelector("desc")?.textContent,
      ]),
    );
    expect(named).toHaveLength(7);
    for (const [role, title, description] of named) {
      expect(role).toBe("img");
      expect(title).not.toBe("");
      expect(description?.length).toBeGreaterThan(20);
    }
  });
});

describe("the threshold in a browser", () => {
  it("gives at every position what the KPI code gives", async () => {
    const { run, url } = await aReport();
    const { page } = await opened(url);
    const parts = await scoresOf(run, "iter2");
    const { thresholds } = sweepThresholds(parts);
    const slider = '[data-explorer="iter2"] [data-in="slider"]';
    expect(Number(await page.getAttribute(slider, "max"))).toBe(thresholds.length - 1);
    for (let at = 0; at < thresholds.length; at += Math.max(1, Math.floor(thresholds.length / 60))) {
      await page.fill(slider, String(at));
      const { accuracy: _unshown, ...point } = evaluateThreshold(parts, thresholds[at] ?? 0);
      expect(await figures(page, "iter2")).toEqual(point);
    }
    const typed = '[data-explorer="iter2"] [data-in="number"]';
    for (const threshold of [-1, 0.2999, 0.3, 0.35, 0.3500001, 0.7, 2]) {
      await page.fill(typed, String(threshold));
      await page.dispatchEvent(typed, "change");
      const { tp, fp, tn, fn } = evaluateThreshold(parts, threshold);
      expect(await figures(page, "iter2")).toMatchObject({ tp, fp, tn, fn });
    }
  });

  it("starts at the run's threshold, follows the arrow keys and the pointer, and finds back", async () => {
    const { run, url } = await aReport();
    const { page } = await opened(url);
    const parts = await scoresOf(run, "iter2");
    const { accuracy: _unshown, ...start } = evaluateThreshold(parts, 0.3);
    expect(await figures(page, "iter2")).toEqual(start);
    await page.focus('[data-explorer="iter2"] [data-in="slider"]');
    await page.keyboard.press("ArrowRight");
    expect((await figures(page, "iter2")).threshold).toBeGreaterThan(0.3);
    await page.click('[data-explorer="iter2"] [data-in="reset"]');
    expect(await figures(page, "iter2")).toEqual(start);
    const chart = page.locator('[data-chart="distribution-0"]');
    const { width = 0, height = 0 } = (await chart.boundingBox()) ?? {};
    // Relative to the chart, which moves while pictures are loaded.
    await chart.hover({ position: { x: width / 2, y: height / 2 } });
    await page.mouse.down();
    await chart.hover({ position: { x: width * 0.8, y: height / 2 } });
    await page.mouse.up();
    const dragged = await figures(page, "iter2");
    expect(dragged.threshold).toBeGreaterThan(0.6);
    expect(dragged).toMatchObject({ tp: evaluateThreshold(parts, dragged.threshold ?? 0).tp });
  });
});

const hostile = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202e\u0645\u0631\u062d\u0628\u0627';

const kinds: Record<string, Wish> = {
  "a finished run": {},
  "a run with hostile labels": { defects: { [hostile]: 3, "</script><script>alert(3)</script>": 2 } },
  "a run of 50 iterations and 500 defect types": {
    far_pct: Array.from({ length: 51 }, (_, at) => 50 - at),
    pass_rows: 200,
    defects: Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`type_${at}`, 1])),
  },
  "a run with one PASS part": { far_pct: [0], pass_rows: 1, defects: {} },
  "a run that was stopped and edited": {
    change(state) {
      state.status = "failed";
      const at = "2026-11-21T09:30:00+00:00";
      state.hard_stop = {
        code: "gate.silent-drop",
        message: hostile,
        iteration: "iter1",
        stage: "data_merge",
        at,
        facts: { lost: [hostile] },
      };
      state.acknowledgements = [{ code: "gate.silent-drop", how: "console", at }];
    },
  },
};

describe.each(Object.entries(kinds))("the page of %s", (_, wish) => {
  it.each([
    [360, "light"],
    [1600, "dark"],
  ] as const)("at %i px, %s, is accessible, quiet and fits", async (width, colorScheme) => {
    const { url } = await aReport(wish);
    const { page, complaints, requests } = await opened(url, { width, colorScheme });
    expect(await axeViolations(page)).toEqual([]);
    await page.$$eval("details", (all) => {
      for (const fold of all as { open: boolean }[]) fold.open = true;
    });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
  });
});

describe("the page of a finished run", () => {
  it.each([
    [360, "dark"],
    [900, "light"],
    [1600, "light"],
  ] as const)("at %i px, %s, has no axe violation with everything unfolded", async (width, colorScheme) => {
    const { url } = await aReport();
    const { page } = await opened(url, { width, colorScheme });
    await page.$$eval("details", (all) => {
      for (const fold of all as { open: boolean }[]) fold.open = true;
    });
    expect(await axeViolations(page)).toEqual([]);
  });
});

describe("the page on paper", () => {
  it("prints to a PDF of a few pages without the controls", async () => {
    const { url } = await aReport();
    const { page } = await opened(url);
    const pdf = await page.pdf({ format: "A4", printBackground: true });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    expect(pages).toBeGreaterThan(1);
    expect(pages).toBeLessThan(15);
    await page.emulateMedia({ media: "print" });
    expect(await page.isVisible(".controls")).toBe(false);
    expect(await page.isVisible('[data-chart="progress"]')).toBe(true);
  });

  it("shows its figures without scripts as well", async () => {
    const { url } = await aReport();
    const context = await browser.context.browser()?.newContext({ javaScriptEnabled: false });
    const page = await (context ?? browser.context).newPage();
    await page.goto(url);
    expect(await page.textContent('[data-explorer="iter2"] [data-out="far"]')).toBe("3.10%");
    await context?.close();
  });
});
