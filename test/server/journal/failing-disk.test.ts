import { chmod, chown, cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { withRun } from "../../../server/journal/journal.ts";
import { buildCommitChild, commitIn, tryCommit } from "../../support/commit-child.ts";
import { commitKinds, leftovers, runAsFound } from "../../support/commit-kinds.ts";
import { noteFigures } from "../../support/figures.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();
const shared = folderOfFile();
const errnos = ["ENOSPC", "EROFS", "EACCES"] as const;
/** Root may write anywhere: as root these tests commit as a user who is nobody. */
const nobody = process.getuid?.() === 0 ? 65_534 : undefined;
let child: string;

beforeAll(async () => {
  await chmod(shared.path, 0o755);
  child = await buildCommitChild(shared.path);
});

describe("a commit on a disk that refuses every write from some touch on", () => {
  it.each(commitKinds)("is refused, leaves no part, and goes on later: $name", async ({ name, prepare, steps }) => {
    const folder = await temporaryFolder();
    const runDir = await prepare(folder, child);
    const kept = `${folder}-kept`;
    await cp(folder, kept, { recursive: true });
    const before = await runAsFound(runDir);
    const touches = (await commitIn(child, [name, runDir])) ?? 0;
    const after = await runAsFound(runDir);
    let refusals = 0;
    for (let at = 1; at <= touches; at++) {
      await rm(folder, { recursive: true });
      await cp(kept, folder, { recursive: true });
      const errno = errnos[at % errnos.length] ?? "";
      const env = { DEFT_FAIL_AT: String(at), DEFT_FAIL_WITH: errno };
      const { refused } = await tryCommit(child, [name, runDir], { env });
      // The report at the end of a loop only warns, and nothing is lost of what could only not be cleared away.
      if (refused === undefined && steps === 1) expect([at, await runAsFound(runDir)]).toEqual([at, after]);
      if (refused !== undefined) {
        expect(refused).toMatchObject({ code: "input.write-failed", facts: { path: expect.any(String), errno } });
        expect(refused?.remedy).toMatch(/disk space or .*permissions/);
        refusals += 1;
      }
      expect(await leftovers(runDir)).toEqual([]);
      if ((await runAsFound(runDir)) !== "no run") await withRun(runDir, async () => undefined);
      const now = await runAsFound(runDir);
      if (steps === 1) expect([before, after]).toContain(now);
      if (now === before || name === "finish") await commitIn(child, [name, runDir]);
      expect(await runAsFound(runDir)).toBe(after);
      expect(await leftovers(runDir)).toEqual([]);
    }
    await rm(kept, { recursive: true });
    // Three touches at the most are of clearing away.
    if (steps === 1) expect(refusals).toBeGreaterThanOrEqual(touches - 3);
    noteFigures("disk", { refused: refusals });
  });
});

describe("a commit in a run directory that this user may not write to", () => {
  it.each(commitKinds)("is refused, changes nothing, and goes on once the mode is back: $name", async (kind) => {
    const folder = await temporaryFolder();
    const runDir = await kind.prepare(folder, child);
    await giveAway(folder);
    const before = await runAsFound(runDir);
    await setMode(runDir, 0o555);
    const as = nobody === undefined ? {} : { uid: nobody };
    const { refused } = await tryCommit(child, [kind.name, runDir], as);
    expect(refused).toMatchObject({ code: "input.write-failed", facts: { errno: "EACCES" } });
    expect(String(refused?.facts.path)).toContain(runDir);
    await setMode(runDir, 0o755);
    expect(await leftovers(runDir)).toEqual([]);
    expect(await runAsFound(runDir)).toBe(before);
    expect((await tryCommit(child, [kind.name, runDir], as)).refused).toBeUndefined();
    expect(await runAsFound(runDir)).not.toBe(before);
  });
});

async function setMode(runDir: string, mode: number): Promise<void> {
  await mkdir(join(runDir, "jobs"), { recursive: true });
  for (const dir of [join(runDir, "jobs"), runDir]) await chmod(dir, mode);
}

async function giveAway(folder: string): Promise<void> {
  if (nobody === undefined) return;
  await chown(folder, nobody, nobody);
  for (const name of await readdir(folder, { recursive: true })) await chown(join(folder, name), nobody, nobody);
}
