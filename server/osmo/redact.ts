const shapes =
  /\b(hf_[A-Za-z0-9]{6,}|ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+|nvapi-[A-Za-z0-9_-]{8,})/g;
const assignments = /\b((?:[A-Z_]*(?:TOKEN|SECRET|PASSWORD|API_KEY)|access_key)\s*[=:]\s*)["']?[^\s"',]+/gi;

/** Takes known secrets, token shapes and `X_TOKEN=...` values out of a text before anyone sees it. */
export function redact(text: string, secrets: readonly string[] = []): string {
  const known = secrets.filter((secret) => secret.length > 3);
  const bare = known.reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text);
  return bare.replace(shapes, "[redacted]").replace(assignments, "$1[redacted]");
}
