import { readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { claimState, takeClaim } from "../../../server/durable/claim.ts";
import type { Elsewhere } from "../../../server/exec/identity.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
const aStem = async () => join(await folder(), "iter1-train-1-train");
const dead = { pid: 4_000_000, start: "1", boot: "another" };
const names = async (stem: string) => (await readdir(dirname(stem))).sort();

describe("a claim", () => {
  it("is given to one of many that ask for it at once, also after a dead owner", async () => {
    const stem = await aStem();
    for (const expected of ["claim", "claim.2"]) {
      const asked = await Promise.all(Array.from({ length: 20 }, () => takeClaim(stem)));
      expect(asked.filter((claim) => claim !== undefined)).toHaveLength(1);
      expect(await names(stem)).toContain(`${basename(stem)}.${expected}`);
      await writeFile(`${stem}.${expected}`, JSON.stringify(dead));
    }
    expect(await names(stem)).toHaveLength(2);
  });

  it("is free again once it was given back", async () => {
    const stem = await aStem();
    const claim = await takeClaim(stem);
    expect(await claimState(stem)).toMatchObject({ state: "held", owner: { pid: process.pid } });
    expect(await takeClaim(stem)).toBeUndefined();
    await claim?.release();
    expect(await claimState(stem)).toEqual({ state: "free" });
    expect(await takeClaim(stem)).toBeDefined();
  });

  it("that is given back while another looks at it leaves its number to all, so that no two follow a dead owner", async () => {
    const stem = await aStem();
    await writeFile(`${stem}.claim`, JSON.stringify(dead));
    await writeFile(`${stem}.claim.2`, JSON.stringify({ ...dead, host: "node7" }));
    const elsewhere: Elsewhere = async () => {
      await rm(`${stem}.claim.2`);
      return false;
    };
    expect(await takeClaim(stem, { elsewhere })).toBeDefined();
    expect(await names(stem)).toEqual([`${basename(stem)}.claim`, `${basename(stem)}.claim.2`]);
    expect(await takeClaim(stem)).toBeUndefined();
  });

  it("of work that starts once has no successor", async () => {
    const stem = await aStem();
    await writeFile(`${stem}.claim`, JSON.stringify(dead));
    expect(await claimState(stem)).toEqual({ state: "left", owner: dead });
    expect(await takeClaim(stem, { once: true })).toBeUndefined();
    expect(await takeClaim(stem)).toBeDefined();
  });

  it("that an earlier version wrote counts, whatever it was called", async () => {
    for (const name of ["claim", "keeper.3", "osmo-keeper.3", "turn.3", "watcher.3", "measuring.3"]) {
      const stem = await aStem();
      const claim = await takeClaim(stem);
      const owner = (await claimState(stem)) as { owner: object };
      await claim?.release();
      await writeFile(`${stem}.${name}`, JSON.stringify(owner.owner));
      expect([name, await takeClaim(stem)]).toEqual([name, undefined]);
      await writeFile(`${stem}.${name}`, JSON.stringify(dead));
      expect([name, await takeClaim(stem)]).toEqual([name, expect.anything()]);
    }
  });

  it("belongs to somebody while it is being written", async () => {
    const stem = await aStem();
    await writeFile(`${stem}.claim`, "");
    expect(await takeClaim(stem)).toBeUndefined();
  });

  it("of another host is judged by what the work itself says, and only then", async () => {
    const stem = await aStem();
    await writeFile(`${stem}.claim`, JSON.stringify({ ...dead, host: "node7", batch_job: "58" }));
    const elsewhere: Elsewhere = async (owner) => owner.batch_job === "58";
    expect(await claimState(stem, { elsewhere })).toMatchObject({ state: "held" });
    expect(await takeClaim(stem, { elsewhere })).toBeUndefined();
    expect(await claimState(stem)).toMatchObject({ state: "left" });
    const claim = await takeClaim(stem, { marks: { batch_job: "59" } });
    expect(await claimState(stem, { elsewhere })).toMatchObject({ state: "held", owner: { batch_job: "59" } });
    await claim?.release();
  });
});
