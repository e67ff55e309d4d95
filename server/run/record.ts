/** Whether a value that others wrote is an object with members: no list, no text. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members of such a value; anything else has none. */
export function membersOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

/** The value at a dotted key, or undefined. */
export function valueAt(root: unknown, key: string): unknown {
  return key.split(".").reduce((at, part) => membersOf(at)[part], root);
}
