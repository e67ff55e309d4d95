import { describe, expect, it } from "@jest/globals";
import { listed } from "../../server/mcp/listing.ts";
import { tools } from "../../tools/index.ts";

describe("the osmo toolset as a model sees it", () => {
  it("names, descriptions and input schemas stay within 3 KB", () => {
    const seen = tools.filter(({ toolset }) => toolset === "osmo").map((tool) => listed(tool));
    expect(seen.map(({ name }) => name)).toEqual([
      "submit_osmo",
      "osmo_status",
      "osmo_cancel",
      "osmo_outputs",
      "preferences",
    ]);
    const bytes = seen.reduce(
      (sum, { name, description, inputSchema }) => sum + JSON.stringify({ name, description, inputSchema }).length,
      0,
    );
    expect(bytes).toBeLessThanOrEqual(3072);
    for (const { description } of seen) expect(description?.length).toBeLessThanOrEqual(250);
  });
});
