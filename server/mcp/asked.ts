import type { Question } from "../ports/call.ts";

/**
 * Ends a call whose human must answer first, where the era has no way to wait for them: the client is given the question
 * and calls again with the answer.
 */
export class Asked extends Error {
  override readonly name = "Asked";
  readonly question: Question;

  constructor(question: Question) {
    super("A human must answer first.");
    this.question = question;
  }
}
