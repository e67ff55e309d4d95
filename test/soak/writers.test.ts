import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readRun } from "../../server/journal/journal.ts";
import { aRun } from "../support/a-run.ts";
import { buildCommitChild, tryCommit } from "../support/commit-child.ts";
import { lostAndDoubled, noteFigures } from "../support/figures.ts";
import { temporaryFolders } from "../support/folder.ts";

const temporaryFolder = temporaryFolders();

describe.each([
  ["with the lock", true],
  ["with a lock that holds nobody off", false],
])("eight writing processes %s", (_what, locks) => {
  it("make 200 commits each, none lost and none doubled", async () => {
    const cache = join(process.cwd(), "node_modules", ".cache", "deft-kill");
    await mkdir(cache, { recursive: true });
    const child = await buildCommitChild(cache, { locks });
    const runDir = await aRun(await temporaryFolder());
    const began = performance.now();
    const ended = await Promise.all(Array.from({ length: 8 }, () => tryCommit(child, ["many", runDir, "200"])));
    expect(ended.flatMap(({ refused }) => refused ?? [])).toEqual([]);
    const refused = ended.reduce((sum, { lost }) => sum + lost, 0);
    const run = await readRun(runDir);
    const seqs = run.entries.map(({ seq }) => seq);
    // A call may be refused though its commit was made: whoever published it was faster. Then its writer makes another.
    const made = locks ? 1600 : Math.max(1600, seqs.length);
    const seconds = Math.round((performance.now() - began) / 1000);
    noteFigures("writers", { commits: made, refused, seconds, ...lostAndDoubled(seqs, made) });
    expect(seqs).toEqual(Array.from({ length: made }, (_, index) => index + 1));
    expect(made).toBeLessThanOrEqual(1600 + refused);
    expect(run.state.revision).toBe(1 + made);
    expect(run.integrity).toEqual({ ok: true });
  }, 600_000);
});
