import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { withLock } from "../../../server/fs/lock.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const temporaryFolder = temporaryFolders();
const placeIn = (folder: string) => ({ lockPath: join(folder, ".lock"), ownerPath: join(folder, ".owner.json") });
const me = { owner: { pid: 1 }, isAlive: async () => true, waitMs: 200 };

describe("lock", () => {
  it("lets one holder in at a time", async () => {
    const place = placeIn(await temporaryFolder());
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => withLock(place, { ...me, waitMs: 10_000 }, work)));
    expect(most).toBe(1);
  });

  it("names the living owner when it stays locked", async () => {
    const place = placeIn(await temporaryFolder());
    const refusal = await withLock(place, me, () => refusalOf(() => withLock(place, me, async () => undefined)));
    expect(refusal.code).toBe("state.locked");
    expect(refusal.facts).toEqual({ owner: { pid: 1 } });
  });

  it("is broken at once when its owner is dead", async () => {
    const folder = await temporaryFolder();
    const place = placeIn(folder);
    await mkdir(place.lockPath);
    await writeFile(place.ownerPath, JSON.stringify({ pid: 99 }));
    const isAlive = async (owner: { pid?: unknown }) => owner.pid !== 99;
    const began = Date.now();
    await withLock(place, { owner: { pid: 1 }, isAlive, waitMs: 5000 }, async () => undefined);
    expect(Date.now() - began).toBeLessThan(2000);
  });

  it("waits for a lock without an owner record until it is stale", async () => {
    const place = placeIn(await temporaryFolder());
    await mkdir(place.lockPath);
    expect((await refusalOf(() => withLock(place, me, async () => undefined))).code).toBe("state.locked");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(place.lockPath, longAgo, longAgo);
    await withLock(place, me, async () => undefined);
  });

  it("is released when the work throws", async () => {
    const folder = await temporaryFolder();
    const place = placeIn(folder);
    await expect(
      withLock(place, me, async () => {
        throw new Error("boom");
      }),
    ).rejects.toThrow("boom");
    expect(await readdir(folder)).not.toContain(".lock");
  });
});
