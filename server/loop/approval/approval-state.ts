import { Refusal } from "../../errors.ts";
import { signerOf } from "../../exec/ssh-signature.ts";
import type { Deps } from "../../ports/call.ts";
import { findRevision } from "../../preflight/pending.ts";
import type { Approval, RunState } from "../../run/state.ts";
import { approvalTitle, statementOf } from "./consent.ts";

/**
 * Proves that a human approved the very plan that the run now has, and that no revision of it waits for an answer.
 *
 * @throws Refusal `approval.required` naming the plan id to approve.
 */
export async function assertApproved(state: RunState, deps: Deps): Promise<void> {
  const { plan_id } = state.plan;
  const given = state.approvals.filter((approval) => approval.plan_id === plan_id);
  if (given.length === 0) throw new Refusal("approval.required", "The run's plan has no approval.", { plan_id });
  if (deps.env.DEFT_APPROVERS) await assertSigned(plan_id, given, deps.env.DEFT_APPROVERS, deps);
  const revision = await findRevision(state.results_dir, deps);
  if (revision !== undefined && revision !== plan_id) {
    const message = "A revised plan waits for the human: approve it, or approve the present plan id to drop it.";
    throw new Refusal("approval.required", message, { revised_plan_id: revision, present_plan_id: plan_id });
  }
}

/** A server without DEFT_APPROVERS may have created the run: here only a signature counts. */
async function assertSigned(planId: string, given: readonly Approval[], approvers: string, { env }: Deps) {
  const statement = statementOf(approvalTitle(planId), planId);
  for (const { signature } of given) {
    if (signature !== undefined && (await signerOf(statement, signature, approvers, env)) !== undefined) return;
  }
  const message = "No allowed signer approved the run's plan.";
  throw new Refusal("approval.signature-missing", message, { plan_id: planId, statement });
}
