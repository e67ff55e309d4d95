import { blur } from "./blur.ts";
import { startsAgain } from "./cut-short.ts";
import type { TraceLine } from "./format.ts";
import { inputMismatches } from "./input-diff.ts";
import type { ReadInput } from "./job-inputs.ts";
import { note, type Play, place } from "./play-state.ts";
import type { Talk } from "./talk.ts";
import type { StartedJob } from "./tape.ts";

/** What a difference expects of a job that the trace does not hold; no update can record it. */
export const unrecordedJob = "no such job";

/** Every job that was started by now must be the recorded one, and every recorded one must have been started. */
export function compareJobs(line: TraceLine, what: string, talk: Talk, play: Play): void {
  for (const job of play.tape.takeStarted()) compareJob(line, job, talk, play);
  for (const { line: one, connection } of play.order.slice(0, play.tape.at)) {
    if (one.kind !== "job-start" || connection !== talk.connection) continue;
    if (play.tape.hasStarted(one) || play.missed.has(one)) continue;
    if (talk.cutShort !== undefined && startsAgain(one, play.order)) continue;
    play.missed.add(one);
    note(one, `${what}: jobs`, { job: one.spec.id }, { job: "not started" }, talk, play);
    talk.written = talk.written.filter((line) => line !== one);
  }
}

function compareJob(line: TraceLine, { id, expected, ...job }: StartedJob, talk: Talk, play: Play): void {
  const wanted = expected === undefined ? unrecordedJob : blur(expected.spec);
  note(expected ?? line, `job ${id}`, { spec: wanted }, { spec: job.actual }, talk, play);
  if (expected === undefined) return;
  for (const { file: path, ...found } of inputMismatches(
    job.recorded,
    job.inputs,
    play.files,
    play.options.newFields,
  )) {
    place([found], expected, `job ${id}, its ${path}`, talk, play);
  }
  const at = talk.written.indexOf(expected);
  if (at < 0) return;
  const before = job.recorded === undefined ? [] : job.inputs.flatMap(fileLine);
  const inputs = job.recorded === undefined ? {} : { inputs: job.inputs.map(({ input }) => input) };
  talk.written.splice(at, 1, ...before, { ...expected, spec: job.actual as typeof expected.spec, ...inputs });
}

function fileLine({ input, file }: ReadInput): TraceLine[] {
  return input.stored === undefined || file === undefined
    ? []
    : [{ n: 1, kind: "file", sha256: input.stored, ...file }];
}
