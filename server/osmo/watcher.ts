import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { claimState } from "../durable/claim.ts";
import { beginKeeper, type Work } from "../durable/keeper.ts";
import { readTrouble, workFiles } from "../durable/work.ts";
import { readAsIfPresent } from "../fs/json.ts";
import type { Call, Deps } from "../ports/call.ts";
import { locateWorkflow } from "./locate.ts";
import { readStatus, type StatusArgs, type StatusReport } from "./status.ts";
import { type WatchOptions, watchStem, watchWorkflow } from "./watch.ts";

const wishSchema = z.object({ every_sec: z.number().optional() });

/**
 * Starts a keeper that watches the workflow, which neither the client nor the server takes along. A workflow that is
 * watched already is left to its keeper.
 */
export async function startWatcher(deps: Deps, main: string, run: string | undefined, every_sec: number | undefined) {
  const { workflow_id } = await locateWorkflow(deps.env, run);
  const stem = await watchStem(deps.env, workflow_id);
  const log = `${stem}.log`;
  const before = await watcherOf(stem);
  if (before === undefined) {
    await beginKeeper({ kind: "osmo-watch", stem, main, env: { ...deps.env }, wish: { every_sec }, log });
  }
  const pid = await watcherOf(stem);
  const how = before === undefined ? "is watched" : "was watched already";
  const who = pid === undefined ? "" : ` by process ${pid}`;
  return { status_line: `${workflow_id} ${how}${who}; its changes go to ${log}.`, workflow_id, log };
}

/** The process that watches now. */
async function watcherOf(stem: string): Promise<number | undefined> {
  const claim = await claimState(stem);
  return claim.state === "held" ? claim.owner?.pid : undefined;
}

/** What the keeper of a watch does: it watches to the end. */
export function watchWork(call: Call, onChange: WatchOptions["onChange"]): Work {
  return {
    async run({ stem, wish }) {
      const { every_sec } = wishSchema.parse(wish);
      await watchWorkflow(call, basename(stem), { every_sec, sleep: (seconds) => sleep(seconds * 1000), onChange });
    },
  };
}

/** `readStatus` with a line on the workflow's watcher, when it has or had one. */
export async function statusWithWatcher(call: Call, args: StatusArgs): Promise<StatusReport & { watcher?: string }> {
  const report = await readStatus(call, args);
  const watcher = await watcherLine(call.deps, report.workflow_id);
  return watcher === undefined ? report : { ...report, watcher };
}

/** The same once the workflow has ended, or after so many seconds; looks in between keep its pace. */
export async function statusAwaited(call: Call, args: StatusArgs, waitSec: number): Promise<StatusReport> {
  for (let left = waitSec; ; ) {
    const report = await statusWithWatcher(call, args);
    if (report.terminal || left <= 0) return report;
    call.progress(report.status_line);
    const pause = Math.min(left, report.next_look_sec ?? left);
    await sleep(pause * 1000, undefined, { signal: call.signal });
    left -= pause;
  }
}

const recordSchema = z.looseObject({
  at: z.string().optional(),
  status: z.string().optional(),
  terminal: z.boolean().optional(),
});

async function watcherLine(deps: Deps, workflowId: string): Promise<string | undefined> {
  const stem = await watchStem(deps.env, workflowId);
  const { at, status, terminal } = (await readAsIfPresent(workFiles(stem).record, recordSchema)) ?? {};
  if (terminal === true) return `saw it end ${status} at ${at}`;
  const claim = await claimState(stem);
  if (claim.state === "held") return `process ${claim.owner?.pid}; its changes go to ${stem}.log`;
  const again = `deft-mcp osmo watch ${workflowId} --detach`;
  const trouble = await readTrouble(stem);
  if (trouble !== undefined) return `gave up (${trouble.code}: ${trouble.message}); start another: ${again}`;
  const seen = at === undefined ? "" : `, last look ${at}`;
  return claim.state === "left" ? `died${seen}; start another: ${again}` : undefined;
}
