import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { Deps } from "../../../server/ports/call.ts";
import { dropPending, findRevision, loadPending, plansDir, savePending } from "../../../server/preflight/pending.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import { boardsIn, completeRequest, depsIn } from "./support/boards.ts";

const folder = temporaryFolders();

async function savedPlan(): Promise<{ deps: Deps; planId: string }> {
  const root = await boardsIn(await folder());
  const deps = depsIn(root, { XDG_STATE_HOME: await folder() });
  const resolution = await resolvePlan(completeRequest, deps);
  await savePending(resolution, deps);
  return { deps, planId: resolution.plan?.plan_id ?? "none" };
}

const later = (deps: Deps, days: number): Deps => ({
  ...deps,
  clock: { now: () => new Date(deps.clock.now().getTime() + days * 24 * 3600 * 1000) },
});

describe("pending plans", () => {
  it("are kept for this user alone, with the request that gives the same plan elsewhere", async () => {
    const { deps, planId } = await savedPlan();
    const file = join(plansDir(deps.env), `${planId}.json`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { request } = await loadPending(planId, deps);
    const again = await resolvePlan(request, { ...deps, cwd: "/" });
    expect(again.plan?.plan_id).toBe(planId);
  });

  it("are gone after seven days, and the next plan sweeps them away", async () => {
    const { deps, planId } = await savedPlan();
    expect((await loadPending(planId, later(deps, 6.9))).plan_id).toBe(planId);
    expect((await refusalOf(() => loadPending(planId, later(deps, 7)))).code).toBe("approval.plan-unknown");
    const other = await resolvePlan({ ...completeRequest, num_sdg: 3 }, deps);
    await savePending(other, later(deps, 8));
    expect(await readdir(plansDir(deps.env))).toEqual([`${other.plan?.plan_id}.json`]);
  });

  it("stay known when the clock was put back after they were saved", async () => {
    const { deps, planId } = await savedPlan();
    expect((await loadPending(planId, later(deps, -30))).plan_id).toBe(planId);
  });

  it("are unknown by any name that is no id, and when damaged", async () => {
    const { deps, planId } = await savedPlan();
    for (const name of ["", "../../etc/passwd", "0123456789ab", planId.toUpperCase()]) {
      expect((await refusalOf(() => loadPending(name, deps))).code).toBe("approval.plan-unknown");
    }
    await writeFile(join(plansDir(deps.env), `${planId}.json`), "{");
    expect((await refusalOf(() => loadPending(planId, deps))).code).toBe("approval.plan-unknown");
  });

  it("are not written for an incomplete plan", async () => {
    const root = await boardsIn(await folder());
    const deps = depsIn(root, { XDG_STATE_HOME: join(root, "state") });
    await savePending(await resolvePlan({}, deps), deps);
    expect(await readdir(plansDir(deps.env)).catch(() => "none")).toBe("none");
  });

  it("are forgotten once approved", async () => {
    const { deps, planId } = await savedPlan();
    await dropPending(planId, deps);
    expect((await refusalOf(() => loadPending(planId, deps))).code).toBe("approval.plan-unknown");
    expect(await findRevision("/nowhere", deps)).toBeUndefined();
  });
});
