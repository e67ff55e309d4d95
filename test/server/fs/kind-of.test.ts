import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { kindOf } from "../../../server/fs/read.ts";
import { withRun } from "../../../server/journal/journal.ts";
import { aRun } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();
const nobody = 65_534;

/** Does something as a user whom a closed directory keeps out; root would walk in. */
async function keptOut<T>(closed: string, work: () => Promise<T>): Promise<T> {
  const isRoot = process.getuid?.() === 0;
  await chmod(closed, 0o000);
  if (isRoot) process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(closed, 0o700);
  }
}

describe("what stands at a path", () => {
  it("is absent where nothing can be reached under the name", async () => {
    const home = await folder();
    await writeFile(join(home, "file"), "");
    await symlink("nowhere", join(home, "dangling"));
    await symlink("loop", join(home, "loop"));
    const names = ["none", "file/below", "dangling", "loop", "a".repeat(300), "nul\0byte"];
    for (const name of names) expect([name, await kindOf(join(home, name))]).toEqual([name, "absent"]);
    expect(await kindOf(home)).toBe("directory");
    expect(await kindOf(join(home, "file"))).toBe("file");
  });

  it("is not absent where we may not look", async () => {
    const closed = join(await folder(), "closed");
    await mkdir(closed);
    const refusal = await keptOut(closed, () => refusalOf(() => kindOf(join(closed, "x"))));
    expect([refusal.code, refusal.facts.errno]).toEqual(["input.unreadable-file", "EACCES"]);
  });

  it("a run that may not be read is not a run that does not exist", async () => {
    const runDir = await aRun(join(await folder(), "boards"));
    const refusal = await keptOut(runDir, () => refusalOf(() => withRun(runDir, async () => undefined)));
    expect([refusal.code, refusal.facts.errno]).toEqual(["input.unreadable-file", "EACCES"]);
  });
});
