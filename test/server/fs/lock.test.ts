import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { withLock } from "../../../server/fs/lock.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const temporaryFolder = temporaryFolders();
const me = { owner: { pid: 1 }, isAlive: async () => true, waitMs: 200 };
const lockIn = async () => join(await temporaryFolder(), ".lock");

async function leaveLock(lock: string, owner: object): Promise<void> {
  await mkdir(lock);
  await writeFile(join(lock, "owner.json"), JSON.stringify(owner));
}

describe("lock", () => {
  it("lets one holder in at a time", async () => {
    const lock = await lockIn();
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => withLock(lock, { ...me, waitMs: 10_000 }, work)));
    expect(most).toBe(1);
  });

  it("names the living owner when it stays locked", async () => {
    const lock = await lockIn();
    const refusal = await withLock(lock, me, () => refusalOf(() => withLock(lock, me, async () => undefined)));
    expect(refusal.code).toBe("state.locked");
    expect(refusal.facts).toEqual({ owner: { pid: 1 } });
  });

  it("is broken at once when its owner is dead", async () => {
    const lock = await lockIn();
    await leaveLock(lock, { pid: 99, token: "theirs" });
    const isAlive = async (owner: { pid?: unknown }) => owner.pid !== 99;
    const began = Date.now();
    await withLock(lock, { owner: { pid: 1 }, isAlive, waitMs: 5000 }, async () => undefined);
    expect(Date.now() - began).toBeLessThan(2000);
  });

  it("is broken by one of many that see the same dead owner", async () => {
    const lock = await lockIn();
    await leaveLock(lock, { pid: 99, token: "theirs" });
    const isAlive = async (owner: { pid?: unknown }) => owner.pid !== 99;
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inside -= 1;
    };
    const options = { owner: { pid: 1 }, isAlive, waitMs: 10_000 };
    await Promise.all(Array.from({ length: 12 }, () => withLock(lock, options, work)));
    expect(most).toBe(1);
  });

  it("is taken where an earlier version left an empty directory", async () => {
    const lock = await lockIn();
    await mkdir(lock);
    await withLock(lock, me, async () => undefined);
  });

  it("tells a holder that stalled while another took over", async () => {
    const lock = await lockIn();
    const refusal = await refusalOf(() =>
      withLock(lock, me, async (proof) => {
        proof.assertHeld();
        await rename(lock, `${lock}-moved`);
        await leaveLock(lock, { pid: 2, token: "theirs" });
        proof.assertHeld();
      }),
    );
    expect(refusal.code).toBe("state.lock-lost");
    expect(await readdir(lock)).toEqual(["owner.json"]);
  });

  it("is released when the work throws", async () => {
    const lock = await lockIn();
    const failing = withLock(lock, me, async () => {
      throw new Error("boom");
    });
    await expect(failing).rejects.toThrow("boom");
    expect(await readdir(join(lock, ".."))).toEqual([]);
  });
});
