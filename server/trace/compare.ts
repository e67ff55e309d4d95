import { isRecord } from "../run/record.ts";

/** Where two values part: the way to the place and what stands there. */
export type Mismatch = { readonly path: string; readonly expected: unknown; readonly actual: unknown };

/** What stands where nothing does. */
export const absent = "(nothing)";

/**
 * Every place where two values differ, in the order of the expected one. With `newFields`, members that only the
 * actual value has are no difference.
 */
export function mismatches(expected: unknown, actual: unknown, newFields: boolean, path = ""): Mismatch[] {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const length = Math.max(expected.length, actual.length);
    return Array.from({ length }, (_, at) => at).flatMap((at) =>
      mismatches(
        at < expected.length ? expected[at] : absent,
        at < actual.length ? actual[at] : absent,
        newFields,
        `${path}[${at}]`,
      ),
    );
  }
  if (!isRecord(expected) || !isRecord(actual)) {
    return Object.is(expected, actual) ? [] : [{ path, expected, actual }];
  }
  const known = Object.keys(expected);
  const more = newFields ? [] : Object.keys(actual).filter((key) => !known.includes(key));
  const at = (key: string) => (path === "" ? key : `${path}.${key}`);
  return [...known, ...more].flatMap((key) =>
    mismatches(key in expected ? expected[key] : absent, key in actual ? actual[key] : absent, newFields, at(key)),
  );
}
