import { Refusal, type RefusalCode } from "../../errors.ts";
import { parseJson } from "../../fs/json.ts";
import { redactedExcerpt } from "../../run/redact.ts";
import type { OsmoRun } from "./cli.ts";

/** Characters of another program's words that are told. */
const shown = 600;

/** The beginning of the service's own words for a failure: JSON `message`, or the `Error message:` line; both are on stdout. */
export function messageOf(run: OsmoRun): string {
  const text = run.stdout.trim();
  try {
    const parsed: unknown = parseJson(text);
    if (typeof parsed === "object" && parsed !== null && "message" in parsed)
      return redactedExcerpt(String(parsed.message), shown);
  } catch {
    // Not JSON: the command has no --format-type, or died before it could obey.
  }
  const line = /^Error message: ([\s\S]*?)(?:\nError code: .*)?$/m.exec(text)?.[1];
  return redactedExcerpt(line ?? (text || run.stderr.trim()), shown);
}

/** Status of the HTTP answer, which the CLI names on stderr alone. */
export function httpStatus(run: OsmoRun): number | undefined {
  const found = /Server responded with status code (\d{3})/.exec(run.stderr);
  return found ? Number(found[1]) : undefined;
}

const byMessage: readonly (readonly [RegExp, RefusalCode, string])[] = [
  [
    /Must login first|token (has )?expired|invalid token|unauthorized|not authenticated/i,
    "osmo.not-logged-in",
    "The OSMO CLI is not logged in.",
  ],
  [
    /Pool .* not found|Pool \S+ does not exist|No default pool set|does not exist in pool/i,
    "osmo.no-pool",
    "The pool is not one that OSMO knows.",
  ],
  [/Could not find the credential/i, "osmo.missing-credential", "OSMO misses a credential that the flow uses."],
  [
    /too high for|GPUs guaranteed for|no resources in platform/i,
    "osmo.no-capacity",
    "The pool cannot hold the request.",
  ],
  [
    /NoCredentialsError|Data credential not found|Unable to locate credentials|No credentials configured for/i,
    "osmo.storage",
    "The storage refused the OSMO CLI.",
  ],
  [/Workflow \S+ (is not found|does not exist)/i, "osmo.unknown-workflow", "OSMO knows no such workflow."],
  [/Cannot connect to OSMO service/i, "osmo.unavailable", "The OSMO service did not answer."],
];

/** What a run that did not succeed means, as a refusal. `what` is the action in plain words. */
export function failureOf(run: OsmoRun, what: string): Refusal {
  const message = messageOf(run);
  const facts = { action: what, exit_code: run.exit_code, http_status: httpStatus(run), message };
  if (run.outcome === "missing")
    return new Refusal("osmo.cli-missing", "The osmo executable was not found.", { action: what });
  if (run.outcome !== "exited") return new Refusal("osmo.timeout", `The OSMO CLI did not finish: ${what}.`, facts);
  if (facts.http_status === 401) return new Refusal("osmo.not-logged-in", "The OSMO login is not valid.", facts);
  for (const [pattern, code, sentence] of byMessage) {
    if (pattern.test(message)) return new Refusal(code, sentence, facts);
  }
  if (facts.http_status === 403) return new Refusal("osmo.forbidden", `OSMO forbids it: ${what}.`, facts);
  if (run.exit_code === 10 || run.exit_code === 75) {
    return new Refusal("osmo.unavailable", `The OSMO service failed: ${what}.`, facts);
  }
  return new Refusal("osmo.rejected", `OSMO refused it: ${what}.`, facts);
}
