import { excerpt, Refusal } from "../errors.ts";
import { failureOf } from "../exec/osmo/cli-error.ts";
import { openClient } from "../exec/osmo/client.ts";
import { isTerminal } from "../exec/osmo/statuses.ts";
import type { Call } from "../ports/call.ts";
import { redact } from "../run/redact.ts";
import { consentTo } from "./consent.ts";
import { tasksOf } from "./failures.ts";
import { locateWorkflow } from "./locate.ts";

export type CancelArgs = {
  readonly run?: string | undefined;
  readonly reason: string;
  readonly words?: string | undefined;
};
export type CancelReport = { status_line: string; workflow_id: string; running: string[]; next_look_sec: number };

/**
 * Cancels a workflow of this user once a human has agreed to the named reason. The cancel is asynchronous.
 *
 * @throws Refusal `osmo.not-yours`, `osmo.cancel-refused` (the CLI exits 0 there), and those of the consent.
 */
export async function cancelWorkflow(call: Call, args: CancelArgs): Promise<CancelReport> {
  const client = openClient({ ...call.deps, signal: call.signal });
  const { workflow_id: id } = await locateWorkflow(call.deps.env, args.run);
  const [workflow, { profile }] = [await client.query(id), await client.profile()];
  const owner = workflow.submitted_by ?? undefined;
  if (owner !== undefined && profile.username && owner !== profile.username) {
    throw new Refusal("osmo.not-yours", `${id} belongs to another user.`, { workflow_id: id, owner });
  }
  if (isTerminal(workflow.status)) {
    throw new Refusal("osmo.cancel-refused", `${id} has ended already.`, { workflow_id: id, status: workflow.status });
  }
  const running = tasksOf(workflow).flatMap(({ name, status }) => (status === "RUNNING" ? [name] : []));
  await consentTo(call, {
    key: `cancel:${id}`,
    title: `Cancel the OSMO workflow ${id}?`,
    rows: [
      `Reason given: ${excerpt(args.reason, 300)}`,
      running.length > 0 ? `Running now, their work is lost: ${running.join(", ")}` : "No pod is running.",
      "Outputs of cancelled tasks are not uploaded.",
    ],
    words: args.words,
    preauthorised: false,
    terminal: `deft-mcp osmo cancel ${id} --reason '...'`,
  });
  const run = await client.cancel(id, args.reason);
  if (run.outcome !== "exited" || run.exit_code !== 0) throw failureOf(run, `cancel ${id}`);
  if (run.stdout.includes("Workflow cancelation failed for workflow")) {
    throw new Refusal("osmo.cancel-refused", `OSMO did not cancel ${id}.`, {
      workflow_id: id,
      message: excerpt(redact(run.stdout.trim()), 400),
    });
  }
  return {
    status_line: `The cancel of ${id} is on its way; it ends as FAILED_CANCELED.`,
    workflow_id: id,
    running,
    next_look_sec: 60,
  };
}
