import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { headWarning } from "../../../server/journal/head-warning.ts";
import { readRun, withRun } from "../../../server/journal/journal.ts";
import type { Call } from "../../../server/ports/call.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();

it("tells a connection once that no head can be kept, and nothing where one is", async () => {
  const home = await newFolder();
  const runDir = await aRun(join(home, "boards"));
  const deps = testDeps({ env: { XDG_STATE_HOME: join(home, "state") } });
  const told = async (connection: Call["connection"]) => {
    await withRun(runDir, async () => undefined, deps);
    return await headWarning(runDir, (await readRun(runDir)).state, { deps, connection } as Call);
  };
  const connection = () => ({ shownPlans: new Set<string>(), notes: new Map<string, unknown>() });
  await mkdir(join(home, "state"));
  await writeFile(join(home, "state", "deft-mcp"), "in the way");
  const one = connection();
  expect(await told(one)).toEqual([expect.stringContaining(join(home, "state", "deft-mcp", "heads"))]);
  expect(await told(one)).toEqual([]);
  expect(await told(connection())).toHaveLength(1);
  await rm(join(home, "state", "deft-mcp"));
  expect(await told(connection())).toEqual([]);
});
