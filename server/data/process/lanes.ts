import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Refusal } from "../../errors.ts";
import { type Limits, type SecondProcess, secondProcess } from "../../exec/second-process.ts";
import { packageRoot } from "../../fs/package-root.ts";
import type { Request } from "./main.ts";

/** Enough for images of tens of megapixels and for usual parquet files; more is asked for by file size. */
const heapMb = 512;
const idleMs = 15_000;
const wakeMs = 30_000;
/** Reading is for the rest of the machine to bear too. */
export const laneCount = Math.max(1, Math.min(4, availableParallelism()));

let waking: Promise<unknown> | undefined;

/** Begins to start a process, before somebody asks for work on images: others work on meanwhile. */
export async function wakeLane(): Promise<void> {
  await script();
  const nothing: Request = { kind: "sketches", items: [], depth: "head" };
  waking ??= askOutside(nothing, { limitMs: wakeMs }).finally(() => {
    waking = undefined;
  });
  // Who asks for something meanwhile is told; what goes wrong with nothing to do is the next one's to find.
  waking.catch(() => undefined);
}

type Lane = { readonly process: SecondProcess; busy: boolean };
const lanes: Lane[] = [];
type Waiting = { readonly signal: AbortSignal | undefined; resolve(): void; reject(reason: unknown): void };
const waiting: Waiting[] = [];
/** Signals whose abort ends the waiting of all that was asked for with them. */
const heard = new WeakSet<AbortSignal>();

/**
 * Lets a second process do one piece of reading of a file that may be hostile: a hang or an exhausted heap ends that
 * process, not this one. At most one a processor runs at a time; further ones wait their turn.
 *
 * @throws WorkFailed when the limit passes, the process dies or the work throws; the reason of the signal.
 * @throws Refusal `install.silent-process`, to all who wait for their turn as well.
 */
export async function askOutside(request: Request, limits: Limits): Promise<unknown[]> {
  if (waking !== undefined) await waking;
  const lane = await freeLane(limits.signal);
  try {
    return await lane.process.ask(request, limits);
  } catch (error) {
    if (error instanceof Refusal) for (const one of waiting.splice(0)) one.reject(error);
    throw error;
  } finally {
    lane.busy = false;
    waiting.shift()?.resolve();
  }
}

/** The same in a process of its own with a larger heap, for one large file. */
export async function askAlone(request: Request, limits: Limits, ownHeapMb: number): Promise<unknown[]> {
  const own = secondProcess(await script(), { heapMb: Math.max(heapMb, ownHeapMb), idleMs: 0 });
  try {
    return await own.ask(request, limits);
  } finally {
    own.stop();
  }
}

async function freeLane(signal: AbortSignal | undefined): Promise<Lane> {
  const path = await script();
  for (;;) {
    const idle = lanes.find((lane) => !lane.busy);
    if (idle !== undefined) return taken(idle);
    if (lanes.length < laneCount) {
      const lane = { process: secondProcess(path, { heapMb, idleMs }), busy: true };
      lanes.push(lane);
      return lane;
    }
    await turn(signal);
  }
}

/** Waits until a lane is free, or throws the reason of the signal: what holds the lanes may take minutes. */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  // One call may have thousands of requests waiting.
  if (signal !== undefined && !heard.has(signal)) {
    heard.add(signal);
    signal.addEventListener("abort", () => dismiss(signal), { once: true });
  }
  await new Promise<void>((resolve, reject) => waiting.push({ signal, resolve, reject }));
}

function dismiss(signal: AbortSignal): void {
  for (const one of waiting.splice(0)) {
    if (one.signal === signal) one.reject(signal.reason);
    else waiting.push(one);
  }
}

function taken(lane: Lane): Lane {
  lane.busy = true;
  return lane;
}

async function script(): Promise<string> {
  return join(await packageRoot(), "dist", "data-process.js");
}
