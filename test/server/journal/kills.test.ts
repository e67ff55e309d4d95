import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { readRun, withRun } from "../../../server/journal/journal.ts";
import { aRun } from "../../support/a-run.ts";
import { buildCommitChild, commitIn } from "../../support/commit-child.ts";
import { commitKinds, runAsFound } from "../../support/commit-kinds.ts";
import { lostAndDoubled, noteFigures } from "../../support/figures.ts";
import { temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();
let child: string;

beforeAll(async () => {
  const folder = join(process.cwd(), "node_modules", ".cache", "deft-kill");
  await mkdir(folder, { recursive: true });
  child = await buildCommitChild(folder);
});

describe("a commit killed at any touch of the disk", () => {
  it.each(commitKinds)("leaves the run before or after it: $name", async ({ name, prepare, steps }) => {
    const folder = await temporaryFolder();
    const runDir = await prepare(folder, child);
    const kept = `${folder}-kept`;
    await cp(folder, kept, { recursive: true });
    const before = await runAsFound(runDir);
    const touches = (await commitIn(child, [name, runDir])) ?? 0;
    expect(touches).toBeGreaterThanOrEqual(3);
    const after = await runAsFound(runDir);
    const seen = new Set<string>();
    let [lost, doubled] = [0, 0];
    for (let at = 1; at <= touches; at++) {
      await rm(folder, { recursive: true });
      await cp(kept, folder, { recursive: true });
      expect(await commitIn(child, [name, runDir], at)).toBeUndefined();
      if ((await runAsFound(runDir)) !== "no run") await withRun(runDir, async () => undefined);
      const now = await runAsFound(runDir);
      seen.add(now);
      const seqs = now === "no run" ? [] : (await readRun(runDir)).entries.map(({ seq }) => seq);
      const counted = lostAndDoubled(seqs, seqs.at(-1) ?? 0);
      lost += counted.lost;
      doubled += counted.doubled;
      // Repeating the call after the kill leads to the very end of an undisturbed one.
      if (now === before) await commitIn(child, [name, runDir]);
      if (name === "finish") await commitIn(child, [name, runDir]);
      expect(await runAsFound(runDir)).toBe(after);
    }
    await rm(kept, { recursive: true });
    noteFigures("kills", { survived: touches, lost, doubled });
    expect(seen.size).toBeLessThanOrEqual(1 + steps);
    for (const state of seen) if (steps === 1) expect([before, after]).toContain(state);
  });

  it("keeps eight writing processes in one line", async () => {
    const runDir = await aRun(await temporaryFolder());
    await Promise.all(Array.from({ length: 8 }, () => commitIn(child, ["many", runDir, "4"])));
    const run = await readRun(runDir);
    expect(run.entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 32 }, (_, index) => index + 1));
    expect(run.integrity).toEqual({ ok: true });
  });
});
