import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import { type BrowserContext, chromium, type Page } from "playwright-core";

const places = [
  process.env.DEFT_TEST_CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export type OpenBrowser = { readonly context: BrowserContext; close(): Promise<void> };

/** The system's Chromium with an empty profile. @throws when there is none: these tests are about a real browser. */
export async function openBrowser(): Promise<OpenBrowser> {
  const executablePath = places.find((place) => place !== undefined && existsSync(place));
  if (executablePath === undefined) {
    throw new Error("Chromium is missing: install it (Debian: apt-get install chromium) or set DEFT_TEST_CHROMIUM.");
  }
  const profile = await mkdtemp(join(tmpdir(), "deft-chromium-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: flags });
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** A page with everything it complained about and everything it asked the network for. */
export type WatchedPage = { readonly page: Page; readonly complaints: string[]; readonly requests: string[] };

export async function watchedPage(
  { context }: OpenBrowser,
  look: { width?: number; colorScheme?: "light" | "dark" } = {},
): Promise<WatchedPage> {
  const page = await context.newPage();
  await page.setViewportSize({ width: look.width ?? 1200, height: 900 });
  await page.emulateMedia({ colorScheme: look.colorScheme ?? "light" });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!/^(file|data):/.test(request.url())) requests.push(request.url());
  });
  return { page, complaints, requests };
}

/** What axe finds wrong, one line a node. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(async () => {
    const checker = (globalThis as unknown as { axe: typeof axe }).axe;
    return await checker.run();
  });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`));
}
