import { excerpt } from "../../errors.ts";
import type { WorkflowAnswer } from "../../exec/osmo/shapes.ts";
import { failedStatuses } from "../../exec/osmo/statuses.ts";
import { defined } from "../../run/defined.ts";
import type { JobExit } from "../../run/job.ts";
import { redact } from "../../run/redact.ts";

/** Kubernetes kills with SIGKILL for memory; OSMO counts an eviction as 3004. */
const memoryCodes = [137, 3004];

const outcomes: Readonly<Record<string, JobExit["outcome"]>> = {
  COMPLETED: "exited",
  FAILED: "exited",
  FAILED_EVICTED: "oom",
  FAILED_CANCELED: "cancelled",
  FAILED_EXEC_TIMEOUT: "timeout",
  FAILED_QUEUE_TIMEOUT: "timeout",
  FAILED_PREEMPTED: "killed",
  FAILED_BACKEND_ERROR: "killed",
};

/** How a workflow of one task ended, as the exit of its job. A status that says nothing of the program is `lost`. */
export function exitOfWorkflow(workflow: WorkflowAnswer): JobExit {
  const task = workflow.groups.flatMap(({ tasks }) => tasks).at(-1);
  const code = task?.exit_code ?? undefined;
  const { status, start_time, end_time } = workflow;
  const memory = status !== "COMPLETED" && code !== undefined && memoryCodes.includes(code);
  const outcome = memory ? "oom" : (outcomes[status] ?? "lost");
  const exit_code = outcome === "exited" ? exitCode(status, code) : code;
  return {
    outcome,
    ...defined({ exit_code }),
    ...(start_time ? { started_at: start_time } : {}),
    ...(end_time ? { ended_at: end_time } : {}),
    ...(status === "COMPLETED" ? {} : { detail: detailOf(workflow, task?.failure_message) }),
  };
}

/** A task that failed never exited with 0, whatever was recorded of it. */
function exitCode(status: string, code: number | undefined): number {
  return status === "COMPLETED" ? (code ?? 0) : code || 1;
}

function detailOf({ name, status, groups }: WorkflowAnswer, message: string | null | undefined): string {
  const meaning = failedStatuses[status];
  const said = message ?? groups.find(({ failure_message }) => failure_message)?.failure_message;
  const parts = [
    `OSMO workflow ${name} ended as ${status}${meaning === undefined ? "" : `: ${meaning.cause}`}.`,
    ...(said ? [`It says: ${excerpt(redact(said), 300)}`] : []),
    ...(meaning === undefined ? [] : [meaning.remedy]),
  ];
  return parts.join(" ");
}
