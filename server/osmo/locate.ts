import { Refusal } from "../errors.ts";
import type { Env } from "../run/env.ts";
import { findSubmissions, listSubmissions, type Submission } from "./submissions.ts";

/** A workflow by id, with what is recorded about its submit when that was done here. */
export type Located = { readonly workflow_id: string; readonly submission: Submission | undefined };

const idPattern = /^[a-zA-Z]([a-zA-Z0-9_-]*[a-zA-Z0-9])?-\d+$/;

/**
 * The workflow that `run` names by id or run name; without it the last one that was submitted here.
 *
 * @throws Refusal `osmo.unknown-run` with the last submits.
 */
export async function locateWorkflow(env: Env, run: string | undefined): Promise<Located> {
  const records = run === undefined ? await listSubmissions(env) : await findSubmissions(env, run);
  const submission = records.find(({ workflow_id }) => workflow_id !== undefined);
  if (submission?.workflow_id) return { workflow_id: submission.workflow_id, submission };
  // A run name ends in hex digits that may all be decimal; one that was recorded never gets here.
  if (run !== undefined && records.length === 0 && idPattern.test(run))
    return { workflow_id: run, submission: undefined };
  const recent = (await listSubmissions(env))
    .slice(0, 5)
    .map(({ key, workflow_id, state }) => ({ name: key, workflow_id, state }));
  throw new Refusal("osmo.unknown-run", run ? `No workflow is known as ${run}.` : "Nothing was submitted here.", {
    recent,
  });
}
