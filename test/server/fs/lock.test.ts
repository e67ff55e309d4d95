import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { staleMs, withLock } from "../../../server/fs/lock.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const temporaryFolder = temporaryFolders();
const me = { owner: { pid: 1 }, isAlive: async () => true, waitMs: 200 };
const lockIn = async () => join(await temporaryFolder(), ".lock");

const isAlive = async ({ pid }: { pid?: unknown }) => pid !== 99;

/** A lock as a process leaves it that is gone, made `ageSec` ago. */
async function leaveLock(lock: string, owner?: object, ageSec = 1): Promise<void> {
  await mkdir(lock);
  if (owner !== undefined) await writeFile(`${lock}-owner`, JSON.stringify(owner));
  const then = Date.now() / 1000 - ageSec;
  await utimes(lock, then, then);
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
    const began = Date.now();
    await withLock(lock, { owner: { pid: 1 }, isAlive, waitMs: 5000 }, async () => undefined);
    expect(Date.now() - began).toBeLessThan(2000);
  });

  it("is broken by one of many that see the same dead owner", async () => {
    const lock = await lockIn();
    await leaveLock(lock, { pid: 99, token: "theirs" });
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

  it("is freed though its owner died before it named itself, and not before that is certain", async () => {
    const lock = await lockIn();
    await leaveLock(lock);
    expect((await refusalOf(() => withLock(lock, me, async () => undefined))).facts).toEqual({ owner: {} });
    await utimes(lock, 1, Date.now() / 1000 - 10);
    await withLock(lock, me, async () => undefined);
  });

  it("is not freed in the instant in which its next owner stands beside the record of the last", async () => {
    const lock = await lockIn();
    await leaveLock(lock, { pid: 99, token: "theirs" }, 0);
    const refusal = await refusalOf(() => withLock(lock, { ...me, isAlive, waitMs: 20 }, async () => undefined));
    expect(refusal.code).toBe("state.locked");
  });

  it("is taken from a living owner that was silent for too long, who hears of it", async () => {
    const lock = await lockIn();
    const refusal = await refusalOf(() =>
      withLock(lock, me, async (proof) => {
        proof.assertHeld();
        const then = (Date.now() - staleMs - 1000) / 1000;
        await utimes(lock, then, then);
        await withLock(lock, { ...me, owner: { pid: 2 } }, async () => undefined);
        proof.assertHeld();
      }),
    );
    expect(refusal.code).toBe("state.lock-lost");
  });

  it("stays with the process that took it over, whatever the last owner does", async () => {
    const lock = await lockIn();
    await withLock(lock, me, async () => {
      await writeFile(`${lock}-owner`, JSON.stringify({ pid: 2, token: "theirs" }));
    });
    expect(JSON.parse(await readFile(`${lock}-owner`, "utf8"))).toEqual({ pid: 2, token: "theirs" });
    expect(await readdir(lock)).toEqual([]);
  });

  it("is taken again by the process that a failing disk did not let release it", async () => {
    const lock = await lockIn();
    await withLock(lock, me, async () => await writeFile(join(lock, "x"), ""));
    expect(await readdir(lock)).toEqual(["x"]);
    await rm(join(lock, "x"));
    await leaveOwner(lock, { pid: 1, token: "stuck" });
    await withLock(lock, { ...me, waitMs: 5000 }, async () => undefined);
    expect(await readdir(join(lock, ".."))).toEqual([]);
  });

  it("is freed though the one who freed it before died on the way and the clock was put back since", async () => {
    const lock = await lockIn();
    await leaveLock(lock, { pid: 99, token: "theirs" });
    await writeFile(`${lock}-breaking`, "");
    const tomorrow = Date.now() / 1000 + 24 * 3600;
    await utimes(`${lock}-breaking`, tomorrow, tomorrow);
    await withLock(lock, { owner: { pid: 1 }, isAlive, waitMs: 2000 }, async () => undefined);
    expect(await readdir(join(lock, ".."))).toEqual([]);
  });

  it.each([
    ["a file", (lock: string) => writeFile(lock, "x"), "no directory"],
    ["a directory with files", strangeFiles, "a directory that holds a, b"],
    ["the lock of an earlier version", olderLock, "a directory that holds owner.json"],
  ])("is mended at once where %s stands in its place, and says so", async (_what, stand, named) => {
    const lock = await lockIn();
    await stand(lock);
    const began = performance.now();
    const mended = await withLock(lock, me, async (proof) => proof.mended);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(mended).toBe(`what stood in the place of the lock, ${named}, was set aside: ${lock}.attempt1`);
    expect(await readdir(join(lock, ".."))).toEqual([".lock.attempt1"]);
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

async function leaveOwner(lock: string, owner: object): Promise<void> {
  await writeFile(`${lock}-owner`, JSON.stringify(owner));
}

async function strangeFiles(lock: string): Promise<void> {
  await mkdir(lock);
  for (const name of ["b", "a"]) await writeFile(join(lock, name), name);
}

async function olderLock(lock: string): Promise<void> {
  await mkdir(lock);
  await writeFile(join(lock, "owner.json"), JSON.stringify({ pid: 99, token: "theirs" }));
}
