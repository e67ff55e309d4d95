import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readRun } from "../../server/journal/journal.ts";
import { aRun } from "../support/a-run.ts";
import { buildCommitChild, commitIn } from "../support/commit-child.ts";
import { lostAndDoubled, noteFigures } from "../support/figures.ts";
import { temporaryFolders } from "../support/folder.ts";

const temporaryFolder = temporaryFolders();

describe("eight writing processes", () => {
  it("make 200 commits each, none lost and none doubled", async () => {
    const cache = join(process.cwd(), "node_modules", ".cache", "deft-kill");
    await mkdir(cache, { recursive: true });
    const child = await buildCommitChild(cache);
    const runDir = await aRun(await temporaryFolder());
    await Promise.all(Array.from({ length: 8 }, () => commitIn(child, ["many", runDir, "200"])));
    const run = await readRun(runDir);
    const seqs = run.entries.map(({ seq }) => seq);
    noteFigures("writers", { commits: 1600, ...lostAndDoubled(seqs, 1600) });
    expect(seqs).toEqual(Array.from({ length: 1600 }, (_, index) => index + 1));
    expect(run.integrity).toEqual({ ok: true });
  }, 600_000);
});
