import { join } from "node:path";
import { z } from "zod";
import { Refusal } from "../errors.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { parseJson, writeJson } from "../fs/json.ts";
import { listPaths, readTextIfPresent } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";
import type { Deps } from "../ports/call.ts";
import { isoSeconds } from "../run/clock.ts";
import { defined } from "../run/defined.ts";
import { userDir } from "../run/env.ts";
import { planRequestSchema } from "./request.ts";
import type { Resolution } from "./resolution.ts";

const keepMs = 7 * 24 * 3600 * 1000;
const idPattern = /^[0-9a-f]{12}$/;

const pendingSchema = z.object({
  plan_id: z.string().regex(idPattern),
  saved_at: z.string(),
  request: planRequestSchema,
  /** The live run that the plan resumes or revises. */
  run_dir: z.string().optional(),
});
/** A plan that waits for a human: the request to resolve again, its workspace absolute. */
export type PendingPlan = z.infer<typeof pendingSchema>;

type Place = Pick<Deps, "env" | "clock">;

/** Where pending plans lie: `${XDG_STATE_HOME:-~/.local/state}/deft-mcp/plans`. */
export function plansDir(env: Deps["env"]): string {
  return join(userDir(env, "state"), "plans");
}

/**
 * Keeps a complete plan for seven days, readable by this user only, so that approval can resolve it again in another
 * process. An incomplete resolution is not kept. Outdated plans go, and so does what was pending for the same live run.
 */
export async function savePending(resolution: Resolution, place: Place): Promise<void> {
  const { plan, request, live } = resolution;
  if (plan === undefined) return;
  const directory = plansDir(place.env);
  await makeDirectory(directory, 0o700);
  await prunePending(place);
  if (live !== undefined) await dropForRun(live.run_dir, place);
  const pending: PendingPlan = {
    plan_id: plan.plan_id,
    saved_at: isoSeconds(place.clock.now()),
    request,
    ...defined({ run_dir: live?.run_dir }),
  };
  await writeJson(pathOf(plan.plan_id, place), pending, 0o600);
}

/**
 * The pending plan with this id.
 *
 * @throws Refusal `approval.plan-unknown` when it was never planned here, is older than seven days, or is damaged.
 */
export async function loadPending(planId: string, place: Place): Promise<PendingPlan> {
  const pending = idPattern.test(planId) ? await readPending(pathOf(planId, place)) : undefined;
  if (pending === undefined || pending.plan_id !== planId || isStale(pending, place)) {
    throw new Refusal("approval.plan-unknown", "No pending plan has this id.", { plan_id: planId.slice(0, 40) });
  }
  return pending;
}

/** Forgets a plan that was approved, with everything else that was pending for the same live run. */
export async function dropPending(planId: string, place: Place): Promise<void> {
  if (!idPattern.test(planId)) return;
  const pending = await readPending(pathOf(planId, place));
  await removeIfPresent(pathOf(planId, place));
  if (pending?.run_dir !== undefined) await dropForRun(pending.run_dir, place);
}

/** The id of the plan that is pending for a live run, if any; it may be the run's present plan again. */
export async function findRevision(runDir: string, place: Place): Promise<string | undefined> {
  const plans = await allPending(place);
  return plans.find(({ pending }) => pending?.run_dir === runDir && !isStale(pending, place))?.pending?.plan_id;
}

/** Removes pending plans that are older than seven days or unreadable. */
async function prunePending(place: Place): Promise<void> {
  for (const { path, pending } of await allPending(place)) {
    if (pending === undefined || isStale(pending, place)) await removeIfPresent(path);
  }
}

async function dropForRun(runDir: string, place: Place): Promise<void> {
  for (const { path, pending } of await allPending(place)) {
    if (pending?.run_dir === runDir) await removeIfPresent(path);
  }
}

async function allPending(place: Place): Promise<{ path: string; pending: PendingPlan | undefined }[]> {
  const paths = await listPaths(plansDir(place.env), /^[0-9a-f]{12}\.json$/);
  return Promise.all(paths.map(async (path) => ({ path, pending: await readPending(path) })));
}

function pathOf(planId: string, place: Place): string {
  return join(plansDir(place.env), `${planId}.json`);
}

function isStale(pending: PendingPlan, place: Place): boolean {
  const age = place.clock.now().getTime() - Date.parse(pending.saved_at);
  return !(age < keepMs);
}

async function readPending(path: string): Promise<PendingPlan | undefined> {
  const text = await readTextIfPresent(path);
  if (text === undefined) return undefined;
  try {
    return pendingSchema.parse(parseJson(text));
  } catch {
    return undefined;
  }
}
