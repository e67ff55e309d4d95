import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openLivePage } from "../../server/cli/status-serve.ts";
import { reportApp } from "../../server/report/app.ts";
import { renderReport } from "../../server/report/render.ts";
import { type FinishedRun, finishedRun } from "../support/finished-run.ts";
import { axeViolations, type OpenBrowser, openBrowser, watchedPage } from "./open-browser.ts";

const clock = { now: () => new Date("2026-11-21T11:00:00Z") };
let browser: OpenBrowser;
let run: FinishedRun;

beforeAll(async () => {
  browser = await openBrowser();
  run = await finishedRun({
    change(state) {
      state.status = "in_progress";
      delete state.stop_reason;
      delete state.completed_at;
    },
  });
});

afterAll(async () => {
  await run?.remove();
  await browser?.close();
});

describe("the live page", () => {
  it("follows the run without being loaded again, and asks nobody but itself", async () => {
    const running = { message: "epoch 3 of 10", fraction: 0.3 };
    const live = await openLivePage(run.runDir, { clock, running: async () => running });
    try {
      const { page, complaints, requests } = await watchedPage(browser);
      await page.goto(live.url);
      expect(await page.textContent("[data-running]")).toContain("epoch 3 of 10");
      await page.evaluate("globalThis.notReloaded = true");
      const log = join(run.runDir, "loop_log.jsonl");
      const entry = { ...run.log[0], seq: 99, summary: "a stage that has just ended" };
      await writeFile(log, `${await readFile(log, "utf8")}${JSON.stringify(entry)}\n`);
      await page.waitForSelector("text=a stage that has just ended", { timeout: 20_000, state: "attached" });
      expect(await page.evaluate("globalThis.notReloaded")).toBe(true);
      await page.focus('[data-explorer="iter2"] [data-in="slider"]');
      await page.keyboard.press("End");
      expect(await page.textContent('[data-explorer="iter2"] [data-out="tp"]')).toBe("0");
      expect(await axeViolations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !url.startsWith(live.url))).toEqual([]);
    } finally {
      await live.close();
    }
  });
});

/** A host of MCP Apps as far as a view sees one: a sandboxed frame, and answers over postMessage. */
const host = (view: string, report: string) => `<!doctype html><title>host</title>
<iframe sandbox="allow-scripts" style="width: 100%; height: 800px"></iframe>
<script>
const frame = document.querySelector("iframe");
globalThis.heard = [];
addEventListener("message", ({ data }) => {
  heard.push(data.method);
  const send = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
  if (data.method === "ui/initialize") send({ id: data.id, result: { protocolVersion: data.params.protocolVersion, hostInfo: {}, hostCapabilities: {}, hostContext: {} } });
  if (data.method === "ui/notifications/initialized") send({ method: "ui/notifications/tool-result", params: { content: [], structuredContent: { report_uri: "deft://run/run_1/report" } } });
  if (data.method === "resources/read") send({ id: data.id, result: { contents: [{ uri: data.params.uri, text: ${JSON.stringify(report).replaceAll("<", "\\u003c")} }] } });
});
frame.srcdoc = ${JSON.stringify(view).replaceAll("<", "\\u003c")};
</script>`;

describe("the view for MCP Apps", () => {
  it("reads the report through its host and shows it with a working threshold", async () => {
    const app = await reportApp();
    expect(app.mimeType).toBe("text/html;profile=mcp-app");
    const { report_path } = await renderReport(run.runDir, { clock });
    const { page, complaints } = await watchedPage(browser);
    await page.setContent(host(app.text, await readFile(report_path, "utf8")));
    const view = page.frameLocator("iframe");
    await view.locator("h1").waitFor({ timeout: 20_000 });
    expect(await view.locator("h1").textContent()).toBe("DEFT Loop Final Report");
    await view.locator('[data-explorer="iter2"] [data-in="slider"]').press("End");
    expect(await view.locator('[data-explorer="iter2"] [data-out="tp"]').textContent()).toBe("0");
    expect(await page.evaluate("heard")).toContain("ui/notifications/size-changed");
    expect(complaints).toEqual([]);
  });
});
