/** Names of the Python exceptions that the vendor's programs end with. */
export type PythonError =
  | "AssertionError"
  | "FileNotFoundError"
  | "HydraException"
  | "IndexError"
  | "KeyError"
  | "MisconfigurationException"
  | "MissingMandatoryValue"
  | "NotImplementedError"
  | "OSError"
  | "RuntimeError"
  | "UnidentifiedImageError"
  | "ValueError"
  | "ZeroDivisionError";

/** A failure that the vendor's program reports by a Python exception of this name and text. */
export class EngineFailure extends Error {
  readonly python: PythonError;

  constructor(python: PythonError, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = python;
    this.python = python;
  }
}

/**
 * The line that status.json gets for a failure, or undefined where the vendor writes none.
 *
 * TAO 7.0.1 `monitor_status` catches value, type and file errors; assertions, runtime errors and divisions by zero pass
 * through without a FAILURE line.
 */
export function statusTextOf(failure: EngineFailure): string | undefined {
  switch (failure.python) {
    case "ValueError":
      return `Parameter validation error: ${failure.message}`;
    case "NotImplementedError":
      return `Feature not implemented: ${failure.message}`;
    case "FileNotFoundError":
    case "OSError":
    case "UnidentifiedImageError":
      return `File system error: ${failure.message}`;
    default:
      return undefined;
  }
}
