import { availableParallelism } from "node:os";
import { join } from "node:path";
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
  waking ??= askOutside(nothing, { limitMs: wakeMs })
    .catch(() => undefined)
    .finally(() => {
      waking = undefined;
    });
}

type Lane = { readonly process: SecondProcess; busy: boolean };
const lanes: Lane[] = [];
const waiting: (() => void)[] = [];

/**
 * Lets a second process do one piece of reading of a file that may be hostile: a hang or an exhausted heap ends that
 * process, not this one. At most one a processor runs at a time; further ones wait their turn.
 *
 * @throws WorkFailed when the limit passes, the process dies or the work throws.
 */
export async function askOutside(request: Request, limits: Limits): Promise<unknown[]> {
  if (waking !== undefined) await waking;
  const lane = await freeLane();
  try {
    return await lane.process.ask(request, limits);
  } finally {
    lane.busy = false;
    waiting.shift()?.();
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

async function freeLane(): Promise<Lane> {
  const path = await script();
  for (;;) {
    const idle = lanes.find((lane) => !lane.busy);
    if (idle !== undefined) return taken(idle);
    if (lanes.length < laneCount) {
      const lane = { process: secondProcess(path, { heapMb, idleMs }), busy: true };
      lanes.push(lane);
      return lane;
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

function taken(lane: Lane): Lane {
  lane.busy = true;
  return lane;
}

async function script(): Promise<string> {
  return join(await packageRoot(), "dist", "data-process.js");
}
