import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { decodePixels } from "../../../server/data/decode/decode-image.ts";
import { runPaths } from "../../../server/run/paths.ts";
import { misjudgedLinks } from "../../../tools/define.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { finishedRun } from "../../support/finished-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { memoryClient } from "../../support/memory-client.ts";

const temporaryFolder = temporaryFolders();

async function aWorkspaceWithRun() {
  const workspace = await temporaryFolder();
  const runDir = await aRun(workspace);
  const client = await memoryClient(testDeps({ env: { DEFT_WORKSPACE: workspace } }));
  return { runDir, client };
}

describe("resources", () => {
  it("list the runs of the workspace and the reference pages, each with a description", async () => {
    const { client } = await aWorkspaceWithRun();
    const { resources } = await client.listResources();
    const uris = resources.map(({ uri }) => uri);
    expect(uris).toContain("deft://runs");
    expect(uris).toContain("deft://run/run_20261121_100000/state");
    expect(uris).toContain("deft://reference/preflight");
    for (const resource of resources) expect(resource.description).not.toBe("");
  });

  it("list many runs in pages, the newest first, each once", async () => {
    const workspace = await temporaryFolder();
    const names = Array.from({ length: 501 }, (_, at) => `run_20261121_${100_000 + at}`);
    for (const name of names) await mkdir(join(workspace, "results", name), { recursive: true });
    for (const name of names) await writeFile(join(workspace, "results", name, "deft_state.json"), '{"version":3}');
    const client = await memoryClient(testDeps({ env: { DEFT_WORKSPACE: workspace, XDG_CACHE_HOME: workspace } }));
    const pages: string[][] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const page = await client.listResources(cursor === "" ? {} : { cursor });
      pages.push(page.resources.map(({ uri }) => uri));
      cursor = page.nextCursor;
    }
    const states = pages.map((page) => page.filter((uri) => uri.endsWith("/state")));
    expect(states.map(({ length }) => length)).toEqual([250, 250, 1]);
    expect(states.flat()).toEqual(names.toReversed().map((name) => `deft://run/${name}/state`));
    expect(pages.flat().filter((uri) => uri === "deft://reference/gates")).toHaveLength(1);
    await expect(client.listResources({ cursor: "bm90aGluZw" })).rejects.toThrow("list them anew");
  });

  it("read a run's state and a reference page", async () => {
    const { client } = await aWorkspaceWithRun();
    const state = await client.readResource({ uri: "deft://run/run_20261121_100000/state" });
    expect(state.contents[0]).toMatchObject({ mimeType: "application/json" });
    const page = await client.readResource({ uri: "deft://reference/preflight" });
    expect(page.contents[0]).toMatchObject({ mimeType: "text/markdown" });
  });

  it("list every topic under deft://reference, to which an unknown topic points", async () => {
    const { client } = await aWorkspaceWithRun();
    const [page] = (await client.readResource({ uri: "deft://reference" })).contents;
    const text = page !== undefined && "text" in page ? String(page.text) : "";
    expect(text).toContain("deft://reference/tricks: ");
    expect(text).toContain("deft://reference/flows/finetune: ");
    await expect(client.readResource({ uri: "deft://reference/nothing" })).rejects.toThrow("lists the topics");
  });

  it.each([
    "deft://run/run_20261121_100000/report",
    "deft://run/../../etc/passwd/state",
    "deft://run/run_20261121_100000/jobs",
    "deft://reference/../package",
    "deft://nothing",
  ])("answer %s with not found", async (uri) => {
    const { client } = await aWorkspaceWithRun();
    await expect(client.readResource({ uri })).rejects.toThrow("not found");
  });

  it("show a part that an iteration misjudges: golden, inspected and difference in one picture", async () => {
    const run = await finishedRun({ far_pct: [50, 20], pass_rows: 20, distinct_images: 20, defects: { missing: 4 } });
    try {
      const client = await memoryClient(testDeps({ env: { DEFT_WORKSPACE: run.workspace } }));
      const place = `deft://run/${basename(run.runDir)}/misjudged/iter1`;
      const [part] = (await client.readResource({ uri: `${place}/1` })).contents;
      expect(part).toMatchObject({ mimeType: "image/jpeg", blob: expect.any(String) });
      const shown = decodePixels(Buffer.from(part !== undefined && "blob" in part ? part.blob : "", "base64"));
      expect(Number(shown?.width) / Number(shown?.height)).toBeGreaterThan(3);
      const other = (await client.readResource({ uri: `${place}/4` })).contents[0];
      expect(other).not.toEqual({ ...part, uri: `${place}/4` });
      for (const none of [`${place}/5`, `${place}/0`, `${place.replace("iter1", "iter7")}/1`, `${place}/../1`]) {
        await expect(client.readResource({ uri: none })).rejects.toThrow("not found");
      }
      await rm(join(run.workspace, "images"), { recursive: true });
      await expect(client.readResource({ uri: `${place}/1` })).rejects.toThrow("not found");
    } finally {
      await run.remove();
    }
  });

  it("show a part of an iteration beyond the hundredth", async () => {
    const far_pct = [50, ...Array.from({ length: 100 }, () => 20)];
    const run = await finishedRun({ far_pct, pass_rows: 20, distinct_images: 20, defects: { missing: 4 } });
    try {
      const client = await memoryClient(testDeps({ env: { DEFT_WORKSPACE: run.workspace } }));
      const uri = `deft://run/${basename(run.runDir)}/misjudged/iter100/1`;
      expect((await client.readResource({ uri })).contents).toEqual([
        expect.objectContaining({ mimeType: "image/jpeg" }),
      ]);
    } finally {
      await run.remove();
    }
  });

  it("are linked by the end of a loop: missed defects first, three at most", () => {
    const parts = (...labels: string[]) => ({ examples: labels.map((label) => ({ label })) });
    const wrong = { iteration: "iter2", missed_defects: parts("open"), flagged_pass: parts("PASS", "PASS", "PASS") };
    expect(misjudgedLinks("/w/results/run_20261121_090000", wrong)).toEqual([
      { uri: "deft://run/run_20261121_090000/misjudged/iter2/1", name: "missed: open", mimeType: "image/jpeg" },
      ...[2, 3].map((at) => ({
        uri: `deft://run/run_20261121_090000/misjudged/iter2/${at}`,
        name: "false alarm: PASS",
        mimeType: "image/jpeg",
      })),
    ]);
    expect(misjudgedLinks("/w/results/run_20261121_090000", undefined)).toEqual([]);
  });

  it("hold the report's view, which only hosts with MCP Apps are told of", async () => {
    const { client } = await aWorkspaceWithRun();
    const uri = "ui://deft-mcp/report.html";
    const view = await client.readResource({ uri });
    expect(view.contents[0]).toMatchObject({ uri, mimeType: "text/html;profile=mcp-app" });
    const plain = (await client.listTools()).tools.find(({ name }) => name === "render_report");
    expect(plain?._meta).toBeUndefined();
    const host = await memoryClient(testDeps(), { extensions: { "io.modelcontextprotocol/ui": {} } });
    const shown = (await host.listTools()).tools.find(({ name }) => name === "render_report");
    expect(shown?._meta).toEqual({ ui: { resourceUri: uri } });
  });

  it("are there without a workspace too", async () => {
    const client = await memoryClient(testDeps({ cwd: await temporaryFolder() }));
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).not.toContain("deft://run/run_20261121_100000/state");
    const runs = await client.readResource({ uri: "deft://runs" });
    expect(runs.contents[0]).toMatchObject({ text: JSON.stringify({ runs: [] }) });
  });

  it("tell a subscriber when a run's log grows", async () => {
    const { client, runDir } = await aWorkspaceWithRun();
    const uri = "deft://run/run_20261121_100000/log";
    const told = new Promise<string>((resolve) => {
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => resolve(params.uri));
    });
    await client.subscribeResource({ uri });
    await appendFile(join(runPaths(runDir).log), "{}\n");
    expect(await told).toBe(uri);
    await client.unsubscribeResource({ uri });
    await client.close();
  });
});

describe("prompts", () => {
  it("complete their arguments", async () => {
    const { client } = await aWorkspaceWithRun();
    const ask = (ref: Parameters<typeof client.complete>[0]["ref"], name: string, value: string) =>
      client.complete({ ref, argument: { name, value } });
    const platform = await ask({ type: "ref/prompt", name: "run-deft-loop" }, "platform", "emb");
    expect(platform.completion.values).toEqual(["embedded"]);
    const run = await ask({ type: "ref/resource", uri: "deft://run/{id}/state" }, "id", "");
    expect(run.completion.values).toEqual(["run_20261121_100000"]);
  });

  it("say what was given and nothing else", async () => {
    const { client } = await aWorkspaceWithRun();
    const { messages } = await client.getPrompt({
      name: "run-deft-loop",
      arguments: { kpi_target: "FAR < 1% at recall=99%" },
    });
    const text = messages[0]?.content.type === "text" ? messages[0].content.text : "";
    expect(text).toContain("until FAR < 1% at recall=99%. Call preflight");
    await expect(client.getPrompt({ name: "nope" })).rejects.toThrow("Unknown prompt");
  });
});
