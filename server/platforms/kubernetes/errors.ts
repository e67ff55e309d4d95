import { Refusal, type RefusalCode } from "../../errors.ts";
import { redactedExcerpt } from "../../run/redact.ts";

/** What kubectl prints when a call fails, and what it means; the first row that fits counts. */
const table: readonly (readonly [RegExp, RefusalCode, string, string])[] = [
  [/exceeded quota/i, "executor.cluster-refused", "quota", "the namespace's quota is used up"],
  [
    /unauthorized|must be logged in|provide credentials|getting credentials|token (?:has|is) expired|certificate (?:has expired|signed by unknown)|no auth provider/i,
    "executor.cluster-unreachable",
    "login",
    "the cluster does not take this login",
  ],
  [
    /context ".*" does not exist|context was not found|no configuration has been provided|current-context is not set|error loading config|invalid configuration/i,
    "executor.cluster-refused",
    "context",
    "the kubeconfig has no such context",
  ],
  [
    /unable to connect|connection (?:refused|reset|lost)|did you specify the right host|i\/o timeout|TLS handshake|no such host|network is unreachable|no route to host|unexpected EOF|deadline exceeded|Client\.Timeout|request timed out|service ?unavailable|currently unable to handle|too many requests|etcdserver|server (?:was unable|is shutting down)|internal error occurred: (?!failed calling webhook)|apiserver not ready/i,
    "executor.cluster-unreachable",
    "away",
    "the API server does not answer",
  ],
  [/namespaces? ".*" not found/i, "executor.cluster-refused", "namespace", "the cluster has no such namespace"],
  [
    /cannot (?:create|get|list|watch|delete|patch|update) resource/i,
    "executor.cluster-refused",
    "rights",
    "this user lacks a right",
  ],
  [
    /violates PodSecurity|admission webhook|denied the request|failed calling webhook|is forbidden/i,
    "executor.cluster-refused",
    "policy",
    "a policy of the cluster forbids it",
  ],
  [
    /is invalid|error validating|strict decoding|BadRequest/i,
    "executor.cluster-refused",
    "invalid",
    "a value is invalid",
  ],
];

/** The refusal for a kubectl command that failed; what is not known counts as refused by the cluster. */
export function kubeFailure(what: string, stderr: string, facts: Record<string, unknown> = {}): Refusal {
  const said = kubectlText(stderr);
  const known = table.find(([symptom]) => symptom.test(said));
  const [, code, cause, text] = known ?? [
    undefined,
    "executor.cluster-refused" as const,
    "other",
    "the cluster refused",
  ];
  return new Refusal(code, `${what} failed: ${text}.`, { ...facts, cause, kubernetes: redactedExcerpt(said, 400) });
}

/** Whether the command failed because the object is already there, or is not there. */
export const says = {
  exists: (stderr: string): boolean => /\(AlreadyExists\)|already exists/.test(stderr),
  absent: (stderr: string): boolean => /\(NotFound\)/.test(stderr) && !/namespaces? ".*" not found/.test(stderr),
};

/** Without the log lines of the client library (`E1127 01:02:03.000 ...`) and the prefix of every error. */
function kubectlText(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !/^[EWI]\d{4} \d\d:/.test(line));
  return (lines.length > 0 ? lines : [stderr])
    .join(" ")
    .replace(/Error from server: /g, "")
    .trim();
}
