import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { PNG } from "pngjs";
import { z } from "zod";
import { osmoOutputs } from "../../tools/osmo-outputs.ts";
import { osmoDesks, root } from "../support/osmo-desk.ts";
import { axeViolations, type OpenBrowser, openBrowser, watchedPage } from "./open-browser.ts";

const open = osmoDesks();
let browser: OpenBrowser;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
});

function png(width: number, height: number, shade: number): Buffer {
  const image = new PNG({ width, height });
  image.data.fill(shade);
  return PNG.sync.write(image);
}

describe("a preview page in a browser", () => {
  it("shows every image of every row, asks the network for nothing and shrinks camera frames", async () => {
    const desk = await open();
    const name = "texture_defect_gen_day1_manual_roi-0a0a0a0a";
    for (let index = 0; index < 6; index++) {
      for (const kind of ["original_image", "original_mask", "reconstructed_image"]) {
        const frame = kind === "original_image" ? png(1700, 85, 80 + index * 20) : png(64, 64, 40 * index);
        await desk.put(`runs/${name}/anomaly/inference/${kind}/part<${index}>.png`, frame);
      }
    }
    const args = { run: name, flow: "texture_defect_generation_day1_manual_roi", root };
    const seen = await osmoOutputs.handle(osmoOutputs.input.parse(args), desk.connect().call);
    const { path } = z.object({ path: z.string() }).parse(seen);
    const { page, complaints, requests } = await watchedPage(browser);
    await page.goto(pathToFileURL(path).href);
    const images = await page.locator("img").evaluateAll((all) =>
      all.map((one) => {
        const { naturalWidth, complete, alt } = one as unknown as {
          naturalWidth: number;
          complete: boolean;
          alt: string;
        };
        return { naturalWidth, complete, alt };
      }),
    );
    expect(images).toHaveLength(18);
    expect(images.every(({ complete, alt }) => complete && alt !== "")).toBe(true);
    expect(images.filter(({ naturalWidth }) => naturalWidth === 640)).toHaveLength(6);
    expect(images.filter(({ naturalWidth }) => naturalWidth === 64)).toHaveLength(12);
    expect(await page.locator("thead th").allInnerTexts()).toEqual([
      "Sample",
      "Original image\nanomaly",
      "Original mask\nanomaly",
      "Defect\nanomaly",
    ]);
    expect(await page.locator("tbody td").first().textContent()).toBe("part<0>");
    expect([complaints, requests, await axeViolations(page)]).toEqual([[], [], []]);
  });
});
