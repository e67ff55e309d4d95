import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { readRun, withRun } from "../../../server/journal/journal.ts";
import { aRun } from "../../support/a-run.ts";
import { buildCommitChild, commitIn, tryCommit } from "../../support/commit-child.ts";
import { commitKinds, runAsFound } from "../../support/commit-kinds.ts";
import { lostAndDoubled, noteFigures } from "../../support/figures.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { killEvery } from "../../support/soak.ts";

const temporaryFolder = temporaryFolders();
const cache = join(process.cwd(), "node_modules", ".cache", "deft-kill");
let child: string;

beforeAll(async () => {
  await mkdir(cache, { recursive: true });
  child = await buildCommitChild(cache);
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
    let [kills, lost, doubled] = [0, 0, 0];
    for (let at = touches; at >= 1; at -= killEvery) {
      await rm(folder, { recursive: true });
      await cp(kept, folder, { recursive: true });
      expect(await commitIn(child, [name, runDir], at)).toBeUndefined();
      if ((await runAsFound(runDir)) !== "no run") await withRun(runDir, async () => undefined);
      const now = await runAsFound(runDir);
      seen.add(now);
      const seqs = now === "no run" ? [] : (await readRun(runDir)).entries.map(({ seq }) => seq);
      kills += 1;
      const counted = lostAndDoubled(seqs, seqs.at(-1) ?? 0);
      lost += counted.lost;
      doubled += counted.doubled;
      // Repeating the call after the kill leads to the very end of an undisturbed one.
      if (now === before) await commitIn(child, [name, runDir]);
      if (name === "finish") await commitIn(child, [name, runDir]);
      expect(await runAsFound(runDir)).toBe(after);
    }
    await rm(kept, { recursive: true });
    noteFigures("kills", { survived: kills, lost, doubled });
    expect(seen.size).toBeLessThanOrEqual(1 + steps);
    for (const state of seen) if (steps === 1) expect([before, after]).toContain(state);
  });

  it.each([true, false])("keeps eight writing processes in one line, with a lock that works: %s", async (locks) => {
    const bin = locks ? child : await buildCommitChild(cache, { locks });
    const runDir = await aRun(await temporaryFolder());
    const ended = await Promise.all(Array.from({ length: 8 }, () => tryCommit(bin, ["many", runDir, "4"])));
    expect(ended.flatMap(({ refused }) => refused ?? [])).toEqual([]);
    const { entries, integrity } = await readRun(runDir);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    // Without a lock a commit may be published by another, and its writer refused: that makes one more, never one less.
    expect(entries.length - 32).toBeGreaterThanOrEqual(0);
    expect(entries.length - 32).toBeLessThanOrEqual(locks ? 0 : ended.reduce((sum, { lost }) => sum + lost, 0));
    expect(integrity).toEqual({ ok: true });
  });
});
