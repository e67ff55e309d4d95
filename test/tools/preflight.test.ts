import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { listed } from "../../server/mcp/listing.ts";
import type { Call } from "../../server/ports/call.ts";
import { plansDir } from "../../server/preflight/pending.ts";
import { preflight } from "../../tools/preflight.ts";
import { boardsIn, completeRequest, depsIn } from "../server/preflight/support/boards.ts";
import { temporaryFolders } from "../support/folder.ts";

const folder = temporaryFolders();

function callIn(root: string, stateHome: string): Call {
  return {
    deps: depsIn(root, { XDG_STATE_HOME: stateHome, XDG_CACHE_HOME: join(stateHome, "cache") }),
    signal: new AbortController().signal,
    human: { canAsk: false, ask: () => Promise.resolve({ action: "cancel" }) },
    client: "test 1.0",
    connection: { shownPlans: new Set(), notes: new Map() },
    progress: () => undefined,
  };
}

async function filesUnder(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true });
  const facts = await Promise.all(entries.map(async (name) => `${name} ${(await stat(join(root, name))).mtimeMs}`));
  return facts.sort();
}

describe("the preflight tool", () => {
  it("costs a model at most 1.7 KB before the first call", () => {
    const { name, description, inputSchema } = listed(preflight);
    const shown = JSON.stringify({ name, description, inputSchema });
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(1700);
    expect(preflight.description.length).toBeLessThanOrEqual(250);
  });

  it("returns the plan, remembers that it was shown, and changes nothing in the workspace", async () => {
    const [root, stateHome] = await Promise.all([boardsIn(await folder()), folder()]);
    const call = callIn(root, stateHome);
    const before = await filesUnder(root);
    const result = preflight.output.parse(await preflight.handle(completeRequest, call));
    expect(Object.keys(result)[0]).toBe("status_line");
    expect(result).toMatchObject({ ok: true, workspace: root, checks: [], counts: { halt: 0, fixable: 0 } });
    expect(call.connection.shownPlans).toEqual(new Set([result.plan_id]));
    expect(result.next).toContain("approve_plan");
    expect(await filesUnder(root)).toEqual(before);
    expect(await readdir(plansDir(call.deps.env))).toEqual([`${result.plan_id}.json`]);
  });

  it("returns one question, and nothing to approve, when something is missing", async () => {
    const [root, stateHome] = await Promise.all([boardsIn(await folder()), folder()]);
    const call = callIn(root, stateHome);
    const result = preflight.output.parse(await preflight.handle({}, call));
    expect(result).toMatchObject({ ok: false, status_line: "No plan yet: 3 answer(s) missing." });
    expect(result.plan_id).toBeUndefined();
    expect(call.connection.shownPlans.size).toBe(0);
    expect(await readdir(plansDir(call.deps.env)).catch(() => "none")).toBe("none");
  });

  it.each([
    ["an unknown argument", { epochs: 3 }],
    ["no iteration at all", { max_iterations: 0 }],
    ["half an epoch", { num_epochs: 0.5 }],
    ["an empty path", { spec: " " }],
    ["a similarity above one", { min_similarity: 1.1 }],
    ["a platform that we do not have", { platform: "brev" }],
  ])("does not accept %s", (_, args) => {
    expect(preflight.input.safeParse(args).success).toBe(false);
  });
});
