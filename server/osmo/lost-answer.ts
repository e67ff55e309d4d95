import type { OsmoClient } from "../exec/osmo/client.ts";
import type { SubmitAnswer } from "../exec/osmo/submit-outcome.ts";
import { flows } from "./flow-table.ts";
import type { Submission } from "./submissions.ts";

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
