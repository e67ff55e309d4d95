import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
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

  it("is taken again by the process that a failing disk did not let release it", async () => {
    const lock = await lockIn();
    const stuck = await withLock(lock, me, async () => {
      const { token } = JSON.parse(await readFile(join(lock, "owner.json"), "utf8"));
      // What stands where the lock is moved to before it is deleted makes the release fail.
      const inTheWay = join(`${lock}-${token}-gone`, "x");
      await mkdir(inTheWay, { recursive: true });
      return inTheWay;
    });
    expect(await readdir(lock)).toEqual(["owner.json"]);
    await rm(join(stuck, ".."), { recursive: true });
    await withLock(lock, me, async () => undefined);
    expect(await readdir(join(lock, ".."))).toEqual([]);
  });

  it("is broken though its breaker died on the way and the clock was put back since", async () => {
    const lock = await lockIn();
    await leaveLock(lock, { pid: 99, token: "theirs" });
    await mkdir(`${lock}-breaking`);
    const tomorrow = Date.now() / 1000 + 24 * 3600;
    await utimes(`${lock}-breaking`, tomorrow, tomorrow);
    const isAlive = async (owner: { pid?: unknown }) => owner.pid !== 99;
    await withLock(lock, { owner: { pid: 1 }, isAlive, waitMs: 2000 }, async () => undefined);
  });

  it("sweeps what a kill left of a lock that was given back or broken, once it is old, and nothing fresh", async () => {
    const lock = await lockIn();
    for (const name of [`${lock}-a-gone`, `${lock}-b-gone`, `${lock}-breaking`]) {
      await mkdir(name);
      if (name.endsWith("a-gone")) await writeFile(join(name, "owner.json"), JSON.stringify({ pid: 99, token: "a" }));
      await utimes(name, 1, 1);
    }
    await mkdir(`${lock}-fresh-gone`);
    const isAlive = async (owner: { pid?: unknown }) => owner.pid !== 99;
    await withLock(lock, { owner: { pid: 1 }, isAlive }, async () => undefined);
    expect(await readdir(join(lock, ".."))).toEqual([".lock-fresh-gone"]);
  });

  it("leaves the place of a process that waits alone, however old it is, and clears that of a dead one", async () => {
    const lock = await lockIn();
    for (const [name, pid] of [
      ["waits", 2],
      ["died", 99],
    ] as const) {
      await mkdir(`${lock}-${name}`);
      await writeFile(join(`${lock}-${name}`, "owner.json"), JSON.stringify({ pid, token: name }));
      await utimes(`${lock}-${name}`, 1, 1);
    }
    const isAlive = async (owner: { pid?: unknown }) => owner.pid !== 99;
    await withLock(lock, { owner: { pid: 1 }, isAlive }, async () => undefined);
    expect(await readdir(join(lock, ".."))).toEqual([".lock-waits"]);
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
