import type { Env } from "../run/env.ts";
import { secretNames } from "../run/redact.ts";

/**
 * What a program of the user's own needs to start: where programs and its interpreter lie, its home and temporary
 * folder, language and time zone, and which GPU it may use. references/hostile-input.md lists it.
 */
const passed =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TMP|TEMP|TZ|LANG|LANGUAGE|LC_\w+|VIRTUAL_ENV|CONDA_PREFIX|PYTHONPATH|PYTHONHOME|LD_LIBRARY_PATH|CUDA_\w+|NVIDIA_VISIBLE_DEVICES|OMP_NUM_THREADS|SystemRoot|PATHEXT|ComSpec)$/;

/** The environment of a program that somebody else wrote: names that are known to be needed, and no secret. */
export function programEnv(env: Env): NodeJS.ProcessEnv {
  const secrets = new Set(secretNames(env));
  return Object.fromEntries(Object.entries(env).filter(([name]) => passed.test(name) && !secrets.has(name)));
}

/** The environment of a program of ours that has no business with a secret. */
export function withoutSecrets(env: Env): NodeJS.ProcessEnv {
  const secrets = new Set(secretNames(env));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.has(name)));
}
