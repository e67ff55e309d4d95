import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { tools } from "../../tools/index.ts";
import { type OpenBrowser, openBrowser } from "../browser/open-browser.ts";
import { approvedRun, boardsIn } from "../support/board-run.ts";
import { folderOfFile } from "../support/folder.ts";
import { openInspector } from "./official.ts";

const folder = folderOfFile();
let browser: OpenBrowser;
let workspace: string;

beforeAll(async () => {
  browser = await openBrowser();
  workspace = await boardsIn(folder.path);
  await approvedRun(folder.path, workspace);
});
afterAll(() => browser?.close());

it.each([
  ["legacy", "MCP 2025-11-25"],
  ["modern", "MCP 2026-07-28"],
])(
  "the Inspector's page connects in the %s era, lists every tool, calls one and shows what it said",
  async (era, revision) => {
    const inspector = await openInspector(folder.path, workspace, era);
    try {
      const page = await browser.context.newPage();
      page.setDefaultTimeout(60_000);
      await page.goto(inspector.url);
      await page.locator("[role=switch]").first().click({ force: true });
      await page.getByText(revision).first().waitFor();
      await page.getByText("Tools", { exact: true }).first().click();
      await page.getByText(`Tools (${tools.length})`).waitFor();
      for (const { name } of tools) await page.getByText(name, { exact: true }).first().waitFor();
      await page.getByText("loop_status", { exact: true }).first().click();
      await page.getByRole("button", { name: "Execute Tool" }).click();
      // The sentence of the result, not of the description.
      await page
        .getByText(/"next_action"/)
        .first()
        .waitFor();
      expect(await page.locator("body").textContent()).toContain("run_stage baseline train");
      await page.close();
    } finally {
      await inspector.close();
    }
  },
  180_000,
);
