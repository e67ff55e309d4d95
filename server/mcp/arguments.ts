import type { z } from "zod";
import { excerpt, Refusal } from "../errors.ts";
import { nearest } from "../run/nearest.ts";

/**
 * Parses a call's arguments by the tool's strict schema.
 *
 * @throws Refusal `input.unknown-field` with the nearest known name, or `input.invalid` naming each bad argument.
 */
export function parseArguments<In extends z.ZodObject>(schema: In, given: unknown): z.output<In> {
  const parsed = schema.safeParse(given ?? {});
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const unknown = issues.flatMap((one) => (one.code === "unrecognized_keys" && one.path.length === 0 ? one.keys : []));
  const first = unknown[0];
  if (first !== undefined) {
    const known = Object.keys(schema.shape);
    const facts = { unknown: unknown.map((name) => excerpt(name, 60)), nearest: nearest(first, known), known };
    throw new Refusal("input.unknown-field", `There is no argument ${JSON.stringify(excerpt(first, 60))}.`, facts);
  }
  const problems = issues.slice(0, 8).map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`);
  throw new Refusal("input.invalid", problems[0] ?? "The arguments do not fit.", { problems });
}
