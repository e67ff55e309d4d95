import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Page } from "playwright-core";
import { renderReport } from "../../server/report/render.ts";
import { type FinishedRun, finishedRun } from "../support/finished-run.ts";
import { notesMined, putNewImages } from "../support/new-images.ts";
import { axeViolations, type OpenBrowser, openBrowser, watchedPage } from "./open-browser.ts";

const clock = { now: () => new Date("2026-11-21T11:00:00Z") };
let browser: OpenBrowser;
let run: FinishedRun;
let url: string;

/** 1,200 false alarms in the baseline and 1,000 in the best iteration, each part with images of its own. */
beforeAll(async () => {
  browser = await openBrowser();
  run = await finishedRun({
    far_pct: [80, 62.5],
    pass_rows: 1500,
    distinct_images: 1500,
    defects: { missing: 20, bridge: 20 },
    change: notesMined,
  });
  const weakOf = (row: number) => join(run.workspace, "images", "kpi", `C${row}_SolderLight.jpg`);
  await putNewImages(run, { weakOf });
  const { report_path } = await renderReport(run.runDir, { clock });
  url = pathToFileURL(report_path).href;
});

afterAll(async () => {
  await browser?.close();
  await run?.remove();
});

const status = async (page: Page) => Number.parseInt((await page.textContent("[data-status]")) ?? "", 10);
const cards = (page: Page) => page.locator("[data-gallery] [data-parts] > li").count();

describe("a gallery of a thousand misjudged parts", () => {
  it.each([360, 800, 1600])(
    "at %i px is accessible, fits, and has a page's pictures decoded and no more",
    async (width) => {
      const { page, complaints, requests } = await watchedPage(browser, { width });
      await page.goto(url);
      expect([await status(page), await cards(page)]).toEqual([938, 24]);
      expect(await page.locator("[data-gallery] img[alt^=inspected]").count()).toBe(24);
      expect(await axeViolations(page)).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      await page.locator(".views").first().click();
      expect(await page.locator("[data-zoom] canvas").count()).toBe(1);
      expect(await axeViolations(page)).toEqual([]);
      expect([complaints, requests]).toEqual([[], []]);
      await page.close();
    },
  );

  it("leafs to its end, and every filter leaves what it says", async () => {
    const { page } = await watchedPage(browser);
    await page.goto(url);
    for (let at = 1; at < 40; at++) await page.click('[data-do="on"]');
    expect([await cards(page), await page.isDisabled('[data-do="on"]')]).toEqual([938 - 39 * 24, true]);
    await page.selectOption('[data-filter="kind"]', "broken");
    expect(await status(page)).toBe(0);
    await page.selectOption('[data-filter="kind"]', "fixed");
    expect(await status(page)).toBe(1200 - 938);
    await page.selectOption('[data-filter="iteration"]', "baseline");
    await page.selectOption('[data-filter="kind"]', "wrong");
    expect(await status(page)).toBe(1200);
    await page.close();
  });

  it("follows the threshold, and shows what it then misses", async () => {
    const { page } = await watchedPage(browser);
    await page.goto(url);
    const number = '[data-explorer="iter1"] [data-in="number"]';
    await page.fill(number, "0.66");
    await page.dispatchEvent(number, "change");
    const flagged = Number((await page.textContent('[data-explorer="iter1"] [data-out="fp"]'))?.replace(",", ""));
    const missed = Number(await page.textContent('[data-explorer="iter1"] [data-out="fn"]'));
    expect([await status(page), missed > 0]).toEqual([flagged + missed, true]);
    await page.selectOption('[data-filter="kind"]', "missed");
    expect(await status(page)).toBe(missed);
    await page.selectOption('[data-filter="label"]', "bridge");
    expect(await status(page)).toBeLessThan(missed);
    await page.close();
  });

  it("is complete on paper, with scripts and without", async () => {
    const { page } = await watchedPage(browser);
    await page.goto(url);
    await page.evaluate("window.dispatchEvent(new Event('beforeprint'))");
    expect(await cards(page)).toBe(938);
    await page.evaluate("window.dispatchEvent(new Event('afterprint'))");
    expect(await cards(page)).toBe(24);
    const html = await readFile(new URL(url), "utf8");
    expect(html.match(/<td>false alarm<\/td>/g)).toHaveLength(938);
    expect(html.length).toBeLessThan(8_000_000);
    await page.close();
  });
});

describe("the contact sheet", () => {
  const sheet = (page: Page) => page.locator("[data-sheet]");
  const shown = (page: Page) => sheet(page).locator("[data-parts] > li");
  const choose = (page: Page, name: string, value: string) =>
    sheet(page).locator(`[data-filter="${name}"]`).selectOption(value);

  it.each([390, 1440])("at %i px is accessible, fits, and leafs through both sources", async (width) => {
    const { page, complaints, requests } = await watchedPage(browser, { width });
    await page.goto(url);
    expect(await shown(page).count()).toBe(24);
    expect(await sheet(page).locator("[data-status]").textContent()).toBe(
      "44 images; 1 to 24 are shown. 1 more of the chosen iterations and sources is not in this page.",
    );
    await sheet(page).locator('[data-do="on"]').click();
    expect(await shown(page).count()).toBe(20);
    expect(await axeViolations(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    expect([complaints, requests]).toEqual([[], []]);
    await page.close();
  });

  it("shows what each image is to be held against, and enlarges it", async () => {
    const { page } = await watchedPage(browser);
    await page.goto(url);
    await choose(page, "kind", "mined");
    const mined = shown(page).nth(2);
    expect(await mined.locator("img").count()).toBe(2);
    expect(await mined.textContent()).toMatch(
      /weak sample[\s\S]*mined by pool_error: PASS[\s\S]*similarity 0.93 to .*bridge C2/,
    );
    await choose(page, "kind", "generated");
    const made = shown(page).first();
    expect([await made.locator("img").count(), await made.locator("canvas").count()]).toEqual([2, 1]);
    await made.locator(".views").click();
    const zoom = sheet(page).locator("[data-zoom]");
    expect(await zoom.textContent()).toMatch(/golden[\s\S]*generated[\s\S]*difference[\s\S]*framed by the generator/);
    await page.keyboard.press("ArrowRight");
    expect(await zoom.textContent()).toContain("PCB+missing_1");
    expect(await axeViolations(page)).toEqual([]);
    await page.close();
  });
});
