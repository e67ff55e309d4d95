import { Refusal } from "../errors.ts";
import { redactDeep, redactor } from "../run/redact.ts";
import { oneLine } from "../run/visible.ts";
import { type CliIo, print } from "./io.ts";

export const exitOk = 0;
/** A defect, a hard stop, or a difference where none was expected. */
export const exitDefect = 1;
export const exitRefused = 2;

/**
 * Runs a subcommand's work and prints a refusal where the reader expects it: with `json` one object on stdout, else
 * text on stderr. Anything else that is thrown is a defect and goes on to the caller.
 */
export async function reportRefusal(io: CliIo, json: boolean, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, facts, remedy } = redactDeep(error.told, redactor(io.env));
    if (json) printJson(io, { ok: false, error: { code, message, facts, remedy } });
    else print(io.stderr, `${code}: ${oneLine(message)}\n${factLines(facts)}Next: ${remedy}\n`);
    return exitRefused;
  }
}

/** Prints one JSON object on one line; figures without a value (NaN) are null. */
export function printJson(io: CliIo, value: unknown): void {
  print(io.stdout, `${JSON.stringify(value)}\n`);
}

function factLines(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${typeof value === "string" ? oneLine(value) : JSON.stringify(value)}\n`)
    .join("");
}
