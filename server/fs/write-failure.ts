import { errnoOf, Refusal } from "../errors.ts";

/**
 * The refusal that a failed write is, with path and errno, whatever the system's reason: a full disk, one that is read
 * only, a missing permission. What is no system error comes back as it was.
 */
export function writeFailure(path: string, error: unknown, what = `Cannot write ${path}`): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  return new Refusal("input.write-failed", `${what}: ${errno}.`, { path, errno }, { cause: error });
}

/** Changes something at `path`. @throws Refusal `input.write-failed` when the system does not let it. */
export async function changing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw writeFailure(path, error);
  }
}
