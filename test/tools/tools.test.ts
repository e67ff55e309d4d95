import { readdir } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { listed } from "../../server/mcp/listing.ts";
import { tools } from "../../tools/index.ts";

/** What a model sees of a tool: name, description and input schema. */
const visible = (tool: (typeof tools)[number]) => {
  const { name, description, inputSchema } = listed(tool);
  return JSON.stringify({ name, description, inputSchema }).length;
};
const total = (list: typeof tools) => list.reduce((sum, tool) => sum + visible(tool), 0);

describe("tools", () => {
  it("stand one in a file that has its name, and all are listed", async () => {
    const shared = ["define.ts", "index.ts", "fields.ts"];
    const files = (await readdir("tools")).filter((name) => !shared.includes(name)).sort();
    expect(files).toEqual(tools.map((tool) => `${tool.name.replaceAll("_", "-")}.ts`).sort());
  });

  it.each(tools.map((tool) => [tool.name, tool] as const))("%s is described, annotated and closed", (_name, tool) => {
    expect(tool.name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(tool.name.length).toBeLessThanOrEqual(32);
    expect(tool.description.length).toBeLessThanOrEqual(250);
    const { inputSchema, outputSchema } = listed(tool);
    expect(inputSchema).toMatchObject({ type: "object" });
    expect(outputSchema).toMatchObject({ type: "object" });
    expect(Object.keys(outputSchema?.properties ?? {})[0]).toBe("status_line");
  });

  it("cost a model little", () => {
    expect(total(tools.filter((tool) => tool.toolset === "deft"))).toBeLessThanOrEqual(6 * 1024);
    expect(total(tools)).toBeLessThanOrEqual(9 * 1024);
    expect(JSON.stringify(tools.map((tool) => listed(tool))).length).toBeLessThanOrEqual(20 * 1024);
  });
});
