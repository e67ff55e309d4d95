import { Refusal } from "../../errors.ts";
import { changedSince, notedOutput } from "../../exec/job-output.ts";
import { stampOf, stampsBelow } from "../../fs/stamp.ts";
import type { JobOutcome } from "../../ports/stage.ts";
import { runPaths } from "../../run/paths.ts";

/** What stands in the working directories of a stage's jobs, before anything of it is collected. */
export type Left = {
  readonly noted: ReadonlySet<string>;
  /** By path: the job in whose directory it stands. */
  readonly present: ReadonlyMap<string, { readonly job: string; readonly stamp: string }>;
  /** Jobs of which nobody saw the end. */
  readonly warnings: readonly string[];
};

/**
 * Proves that the files of ended jobs are what the jobs left: between the end of a job and its commit lies all the time
 * that a client takes to ask again.
 *
 * @throws Refusal `stage.evidence-missing` naming the files, or the job whose note is gone.
 */
export async function assertOutputsAsLeft(runDir: string, outcomes: readonly JobOutcome[]): Promise<Left> {
  const noted = new Set<string>();
  const present = new Map<string, { job: string; stamp: string }>();
  const warnings: string[] = [];
  for (const { spec, exit } of outcomes) {
    // What a job that failed left is no evidence.
    if (exit.outcome !== "exited" || exit.exit_code !== 0) continue;
    const output = await notedOutput(runPaths(runDir).jobRecord(spec.id));
    if (output === undefined) {
      const message = `The note of what job ${spec.id} left is gone or not as it was written.`;
      throw new Refusal("stage.evidence-missing", message, { job: spec.id });
    }
    const changed = await changedSince(output);
    if (changed.length > 0) throw notAsLeft("changed", spec.id, changed);
    for (const { path } of output.files) noted.add(path);
    for (const [path, stamp] of await stampsBelow(spec.workdir)) present.set(path, { job: spec.id, stamp });
    if (output.unwatched)
      warnings.push(`No process of this server saw job ${spec.id} end; its files are those found later.`);
  }
  return { noted, present, warnings };
}

/**
 * Proves that no file that the commit pins was put beside a job's output after its end. What collecting wrote itself
 * is another file than before.
 *
 * @throws Refusal `stage.evidence-missing`.
 */
export async function assertNothingAdded({ noted, present }: Left, pins: readonly string[]): Promise<void> {
  const added: { readonly job: string; readonly path: string }[] = [];
  for (const path of pins) {
    const before = present.get(path);
    if (before === undefined || noted.has(path)) continue;
    if (stampOf(path, "themselves") === before.stamp) added.push({ job: before.job, path });
  }
  const [first] = added;
  if (first === undefined) return;
  throw notAsLeft(
    "added",
    first.job,
    added.map(({ path }) => path),
  );
}

function notAsLeft(how: "changed" | "added", job: string, paths: readonly string[]): Refusal {
  const message = `Files of job ${job} were ${how} after it had ended.`;
  return new Refusal("stage.evidence-missing", message, { job, count: paths.length, [how]: paths.slice(0, 5) });
}
