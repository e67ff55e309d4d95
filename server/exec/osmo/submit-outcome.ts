import type { Refusal } from "../../errors.ts";
import type { OsmoRun } from "./cli.ts";
import { failureOf } from "./cli-error.ts";
import { submittedAnswer } from "./client.ts";

export type SubmitAnswer = { readonly workflow_id: string; readonly overview?: string | undefined };

/** What one submit came to. `unknown` means that the service may have taken it although no answer came back. */
export type SubmitOutcome =
  | { readonly kind: "taken"; readonly answer: SubmitAnswer }
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly workflow_id?: string | undefined }
  | { readonly kind: "unknown"; readonly refusal: Refusal };

/** Reads the run of `workflow submit`. A client error is a no; a 5xx, a time limit or an odd answer is not. */
export function submitOutcome(run: OsmoRun): SubmitOutcome {
  const answer = run.outcome === "exited" && run.exit_code === 0 ? submittedAnswer(run) : undefined;
  if (answer) return { kind: "taken", answer: { workflow_id: answer.name, overview: answer.overview ?? undefined } };
  const refusal = failureOf(run, "submit the workflow");
  const clear = run.outcome === "missing" || (run.outcome === "exited" && [1, 2, 75].includes(run.exit_code ?? -1));
  if (!clear) return { kind: "unknown", refusal };
  // A rejected spec leaves a FAILED_SUBMISSION workflow behind that cannot say why.
  const left = /Workflow (\S+-\d+) submit failed/.exec(run.stdout)?.[1];
  return { kind: "refused", refusal, workflow_id: left };
}
