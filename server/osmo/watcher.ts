import { dirname } from "node:path";
import { z } from "zod";
import { Refusal } from "../errors.ts";
import { spawnDetached } from "../exec/detached.ts";
import { identityOf, isOwnerAlive } from "../exec/identity.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { readAsIfPresent } from "../fs/json.ts";
import { takeTurn, turnBegins, turnOwner } from "../fs/turn.ts";
import type { Call, Deps } from "../ports/call.ts";
import { locateWorkflow } from "./locate.ts";
import { readStatus, type StatusArgs, type StatusReport } from "./status.ts";
import { type WatchOptions, watchWorkflow } from "./watch.ts";
import { watchFiles } from "./watch-files.ts";

const beginLimitMs = 3000;

/**
 * Starts a watcher of the workflow as a process of its own session, which neither the client nor the server takes
 * along. A workflow that is watched already is left to its watcher.
 */
export async function startWatcher(deps: Deps, main: string, run: string | undefined, everySec: number | undefined) {
  const { workflow_id } = await locateWorkflow(deps.env, run);
  const { turn, log } = await watchFiles(deps.env, workflow_id);
  const before = await turnOwner(turn, isOwnerAlive);
  if (before === undefined) {
    const argv = [process.execPath, main, "osmo-watcher", workflow_id, ...(everySec ? [String(everySec)] : [])];
    spawnDetached(argv, { cwd: dirname(log), env: { ...deps.env }, logPath: log });
    await turnBegins(turn, isOwnerAlive, beginLimitMs);
  }
  const { pid } = (await turnOwner(turn, isOwnerAlive)) ?? {};
  const how = before === undefined ? "is watched" : "was watched already";
  const who = pid === undefined ? "" : ` by process ${String(pid)}`;
  return { status_line: `${workflow_id} ${how}${who}; its changes go to ${log}.`, workflow_id, log };
}

/** The watcher itself: watches to the end, of several exactly one, and keeps why it gave up when it does. */
export async function keepWatch(call: Call, workflowId: string, options: WatchOptions): Promise<void> {
  const { turn, record } = await watchFiles(call.deps.env, workflowId);
  const own = await takeTurn(turn, { ...(await identityOf(process.pid)) }, isOwnerAlive);
  if (own === undefined) return;
  try {
    await watchWorkflow(call, workflowId, options);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const last = (await readAsIfPresent(record, recordSchema)) ?? {};
    await writeAtomic(record, `${JSON.stringify({ ...last, gave_up: `${error.code}: ${error.message}` }, null, 2)}\n`);
  } finally {
    await own.release();
  }
}

/** `readStatus` with a line on the workflow's watcher, when it has or had one. */
export async function statusWithWatcher(call: Call, args: StatusArgs): Promise<StatusReport & { watcher?: string }> {
  const report = await readStatus(call, args);
  const watcher = await watcherLine(call.deps, report.workflow_id);
  return watcher === undefined ? report : { ...report, watcher };
}

const recordSchema = z.looseObject({
  at: z.string().optional(),
  status: z.string().optional(),
  terminal: z.boolean().optional(),
  gave_up: z.string().optional(),
});

async function watcherLine(deps: Deps, workflowId: string): Promise<string | undefined> {
  const { turn, record, log } = await watchFiles(deps.env, workflowId);
  const { at, status, terminal, gave_up } = (await readAsIfPresent(record, recordSchema)) ?? {};
  if (terminal === true) return `saw it end ${status} at ${at}`;
  const owner = await turnOwner(turn, isOwnerAlive);
  if (owner !== undefined) return `process ${String(owner.pid)}; its changes go to ${log}`;
  const again = `deft-mcp osmo watch ${workflowId} --detach`;
  if (gave_up !== undefined) return `gave up (${gave_up}); start another: ${again}`;
  const seen = at === undefined ? "" : `, last look ${at}`;
  // The last turn of a watcher that was killed stays behind.
  return (await turnOwner(turn, async () => true)) === undefined ? undefined : `died${seen}; start another: ${again}`;
}
