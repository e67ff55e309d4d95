import { describe, expect, it } from "@jest/globals";
import { planAwaited } from "../../../server/preflight/awaited.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, depsIn } from "./support/boards.ts";

const folder = temporaryFolders();

async function aCall(root: string, waitSec: number, signal = new AbortController().signal) {
  return await planAwaited(completeRequest, { deps: depsIn(root), signal, progress: () => {}, waitSec });
}

describe("a plan that takes longer than a client waits", () => {
  it("is told how far it is, and handed to the next call that asks the same", async () => {
    const root = await boardsIn(await folder());
    expect(await aCall(root, 0)).toEqual({ message: expect.any(String), fraction: undefined });
    const [one, other] = await Promise.all([aCall(root, 600), aCall(root, 600)]);
    expect(one).toMatchObject({ workspace: root, plan: { plan_id: expect.any(String) } });
    expect(other).toBe(one);
    expect(await aCall(root, 600)).not.toBe(one);
  });

  it("goes on for the others where one call is cancelled, and ends with the last one", async () => {
    const root = await boardsIn(await folder());
    const [first, second] = [new AbortController(), new AbortController()];
    const calls = [aCall(root, 600, first.signal), aCall(root, 600, second.signal), aCall(root, 600)];
    first.abort(new Error("given up"));
    second.abort(new Error("given up, too"));
    const [one, other, last] = await Promise.allSettled(calls);
    expect([one, other, last].map((call) => call?.status)).toEqual(["rejected", "rejected", "fulfilled"]);
    const only = new AbortController();
    const alone = aCall(root, 600, only.signal);
    only.abort(new Error("given up"));
    await expect(alone).rejects.toThrow("given up");
    expect(await aCall(root, 600)).toMatchObject({ workspace: root });
  });
});
