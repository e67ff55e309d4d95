import type { Refusal } from "../errors.ts";
import type { OsmoRun } from "../exec/osmo-cli.ts";
import { failureOf } from "./cli-error.ts";
import { type OsmoClient, submittedAnswer } from "./client.ts";
import { flows } from "./flow-table.ts";
import type { Submission } from "./submissions.ts";

export type SubmitAnswer = { readonly workflow_id: string; readonly overview?: string | undefined };

/** What one submit came to. `unknown` means that the service may have taken it although no answer came back. */
export type SubmitOutcome =
  | { readonly kind: "taken"; readonly answer: SubmitAnswer }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unknown"; readonly refusal: Refusal };

/** Reads the run of `workflow submit`. A client error is a no; a 5xx, a time limit or an odd answer is not. */
export function submitOutcome(run: OsmoRun): SubmitOutcome {
  const answer = run.outcome === "exited" && run.exit_code === 0 ? submittedAnswer(run) : undefined;
  if (answer) return { kind: "taken", answer: { workflow_id: answer.name, overview: answer.overview ?? undefined } };
  const refusal = failureOf(run, "submit the workflow");
  const clear = run.outcome === "missing" || (run.outcome === "exited" && [1, 2, 75].includes(run.exit_code ?? -1));
  return { kind: clear ? "refused" : "unknown", refusal };
}

const dayMs = 24 * 3600 * 1000;
const clockSkewMs = 5 * 60 * 1000;

/**
 * Looks a submission up whose answer was lost: the run name stands in the spec of exactly one workflow. Setup flows
 * have no run name; there the newest one submitted since counts, as their outputs are the same.
 */
export async function lookUpLost(client: OsmoClient, submission: Submission): Promise<SubmitAnswer | undefined> {
  const sent = Date.parse(submission.sent_at);
  const workflowName = submission.set.workflow_name ?? flows[submission.flow].workflow_name;
  const after = new Date(sent - dayMs).toISOString().slice(0, 10);
  const { workflows } = await client.list(workflowName, after);
  const since = workflows.filter(({ submit_time }) => utcMs(submit_time) >= sent - clockSkewMs);
  for (const { name } of since) {
    const spec = await client.spec(name);
    const mark = submission.name === undefined ? `${submission.root}/` : `/runs/${submission.name}/`;
    if (spec.includes(mark) && ownOutputs(submission, spec)) return { workflow_id: name };
  }
  return undefined;
}

/** A ChangeNet pair shares its name, so the flow's own tasks must be there too. */
function ownOutputs(submission: Submission, spec: string): boolean {
  return flows[submission.flow].tasks.every((task) => task.only === "training" || spec.includes(task.task));
}

/** The service writes UTC without a zone. */
function utcMs(time: string | null | undefined): number {
  return time ? Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(time) ? time : `${time}Z`) : 0;
}
