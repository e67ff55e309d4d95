import { liveRunName } from "../live-run.ts";
import type { Findings, Step } from "../survey.ts";
import type { FoundRun } from "../unfinished.ts";

const head = { id: "unfinished_runs", title: "Unfinished runs" };

/** A run that is not finished is resumed or left on purpose, never by oversight. */
export const unfinishedRunsStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    const open = survey.runs.filter((run) => run.unfinished);
    const live = liveRunName(survey.request);
    if (open.length === 0) return { checks: [{ ...head, outcome: "ok", detail: "none" }] };
    if (live !== undefined) return { checks: [{ ...head, outcome: "ok", detail: `goes on with ${live}` }] };
    if (survey.request.resume === "fresh") {
      const detail = `${open.length} left as they are; a new run starts`;
      return { checks: [{ ...head, outcome: "ok", detail }] };
    }
    const listed = open.map(describe).join("; ");
    const ask = `Resume one of the unfinished runs (${listed}) or start fresh (resume="fresh")?`;
    return { missing: [{ field: "resume", ask, choices: [...open.map((run) => run.run_id), "fresh"] }] };
  },
};

function describe(run: FoundRun): string {
  const last =
    run.last_event === undefined
      ? "nothing done"
      : `${run.last_event.iter} ${run.last_event.stage} ${run.last_event.status}`;
  return `${run.run_id}: ${run.hard_stop === undefined ? last : `stopped by ${run.hard_stop}`}`;
}
