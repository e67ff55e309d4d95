import type { ElicitRequestFormParams } from "@modelcontextprotocol/sdk/types.js";
import type { Question } from "../ports/call.ts";

/** A question as the form that every era of the protocol knows. */
export function formOf(question: Question): ElicitRequestFormParams {
  const properties = Object.fromEntries(
    Object.entries(question.fields).map(([name, field]) => [name, { ...field }]),
  ) as ElicitRequestFormParams["requestedSchema"]["properties"];
  return {
    mode: "form",
    message: question.message,
    requestedSchema: { type: "object", properties, required: [...question.required] },
  };
}
