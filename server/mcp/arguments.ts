import type { z } from "zod";
import { excerpt, Refusal } from "../errors.ts";

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

/** The known name with the fewest edits to the given one. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const scored = known.map((candidate) => ({ candidate, edits: editDistance(name.toLowerCase(), candidate) }));
  scored.sort((a, b) => a.edits - b.edits);
  return scored[0]?.candidate;
}

function editDistance(a: string, b: string): number {
  // Names beyond this are no typing errors; the bound keeps hostile input cheap.
  if (a.length > 60) return a.length;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
