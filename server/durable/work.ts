import { basename, dirname } from "node:path";
import { z } from "zod";
import { Refusal, type RefusalCode, refusals } from "../errors.ts";
import { type EndRemarks, notedOutput, noteOutput } from "../exec/job-output.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { readAsIfPresent } from "../fs/json.ts";
import { fileFacts } from "../fs/read.ts";
import type { Env } from "../run/env.ts";
import { type JobExit, type JobSpec, jobExitSchema } from "../run/job.ts";
import { runPaths } from "../run/paths.ts";
import { patiently } from "../run/wait.ts";

/** Files of a piece of durable work beside its stem, by which its keeper and everybody else speak. */
export function workFiles(stem: string) {
  return {
    /** What is to be done, written before anything starts. */
    record: `${stem}.json`,
    /** What its keeper has to know beyond the record. */
    wish: `${stem}.wish`,
    /** Somebody wants it to end. */
    cancel: `${stem}.cancel`,
    /** Why the last keeper gave up. */
    trouble: `${stem}.trouble`,
    /** How it ended, written last. */
    exit: `${stem}.exit`,
  };
}

/** The stem of a job of a run, and back. */
export function jobStem(runDir: string, jobId: string): string {
  return runPaths(runDir)
    .jobRecord(jobId)
    .replace(/\.json$/, "");
}
export function jobOf(stem: string): { runDir: string; jobId: string } {
  return { runDir: dirname(dirname(stem)), jobId: basename(stem) };
}

/** How the work ended; undefined while nobody has said so. */
export async function readExit(stem: string): Promise<JobExit | undefined> {
  return await readAsIfPresent(workFiles(stem).exit, jobExitSchema);
}

/**
 * Notes what a job left, unless that was done before, and then how it ended.
 *
 * @throws Refusal `input.write-failed`; done again it goes on where it was.
 */
export async function recordEnd(
  stem: string,
  exit: JobExit,
  spec: JobSpec,
  env: Env,
  remarks: EndRemarks = {},
): Promise<void> {
  const { record, exit: path } = workFiles(stem);
  if ((await notedOutput(record)) === undefined) await noteOutput(record, spec, env, remarks);
  await writeAtomic(path, JSON.stringify(exit));
}

export async function askCancel(stem: string): Promise<void> {
  await writeAtomic(workFiles(stem).cancel, "");
}

/** Whether somebody wants the work to end. */
export async function isCancelled(stem: string): Promise<boolean> {
  return (await fileFacts(workFiles(stem).cancel)) !== undefined;
}

const troubleSchema = z.object({ code: z.string(), message: z.string(), facts: z.record(z.string(), z.unknown()) });

/** Keeps why a keeper gave up, to be told to whoever asks next. */
export async function saveTrouble(stem: string, error: unknown): Promise<void> {
  const { code, message, facts } = error instanceof Refusal ? error : brokenOff(error);
  await writeAtomic(workFiles(stem).trouble, JSON.stringify({ code, message, facts: { ...facts } }));
}

function brokenOff(error: unknown): Refusal {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Refusal("executor.not-ready", "The work broke off.", { reason });
}

/** Why the last keeper gave up, as the refusal that it was. */
export async function readTrouble(stem: string): Promise<Refusal | undefined> {
  const trouble = await readAsIfPresent(workFiles(stem).trouble, troubleSchema);
  if (trouble === undefined) return undefined;
  const code = trouble.code in refusals ? (trouble.code as RefusalCode) : "executor.not-ready";
  return new Refusal(code, trouble.message, trouble.facts);
}

const dayMs = 24 * 3600 * 1000;

/** Repeats a write that the disk refuses, for a day at most, and not where its folder is gone. */
export async function onceThereIsRoom<T>(write: () => Promise<T>): Promise<T> {
  const passes = (error: unknown) =>
    error instanceof Refusal && error.facts.errno !== "ENOENT" && error.facts.errno !== "ENOTDIR";
  return await patiently(write, passes, { pause_ms: 500, deadline: performance.now() + dayMs });
}
