import { Refusal } from "../../errors.ts";
import type { Deps } from "../../ports/call.ts";
import { findRevision } from "../../preflight/pending.ts";
import type { RunState } from "../../run/state.ts";

/**
 * Proves that a human approved the very plan that the run now has, and that no revision of it waits for an answer.
 *
 * @throws Refusal `approval.required` naming the plan id to approve.
 */
export async function assertApproved(state: RunState, deps: Deps): Promise<void> {
  const { plan_id } = state.plan;
  if (!state.approvals.some((approval) => approval.plan_id === plan_id)) {
    throw new Refusal("approval.required", "The run's plan has no approval.", { plan_id });
  }
  const revision = await findRevision(state.results_dir, deps);
  if (revision !== undefined && revision !== plan_id) {
    const message = "A revised plan waits for the human: approve it, or approve the present plan id to drop it.";
    throw new Refusal("approval.required", message, { revised_plan_id: revision, present_plan_id: plan_id });
  }
}
