import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { defined } from "../server/run/defined.ts";
import { type EngineIo, timeOf } from "./io.ts";

/** The `status` of one line of status.json. */
export type Status = "STARTED" | "RUNNING" | "SUCCESS" | "FAILURE";

/** Appends lines to one status.json. */
export type StatusLog = (status: Status, message: string, data?: Record<string, unknown>) => void;

/**
 * Returns the writer of `<directory>/status.json`: JSON lines, appended, as TAO's status logger writes them.
 *
 * `kpi`, once given, is repeated on every later line, as TAO does.
 */
export function openStatusLog(io: EngineIo, directory: string): StatusLog {
  const path = join(directory, "status.json");
  let kpi: unknown;
  return (status, message, data = {}) => {
    const at = timeOf(io);
    if (data.kpi !== undefined) kpi = data.kpi;
    const line = {
      date: `${at.getUTCMonth() + 1}/${at.getUTCDate()}/${at.getUTCFullYear()}`,
      time: `${at.getUTCHours()}:${at.getUTCMinutes()}:${at.getUTCSeconds()}`,
      status,
      verbosity: status === "FAILURE" ? "ERROR" : "INFO",
      message,
      ...data,
      ...defined({ kpi }),
    };
    appendFileSync(path, `${pythonJson(line)}\n`);
  };
}

/** JSON text as Python's `json.dumps` spaces it; NaN and infinities stay as literals. */
export function pythonJson(value: unknown): string {
  if (typeof value === "number") {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}: ${pythonJson(member)}`).join(", ")}}`;
  }
  return JSON.stringify(value ?? null);
}

/** A duration as Python prints a timedelta: `0:01:23.456789`, `1 day, 0:00:01`. */
export function timedelta(seconds: number): string {
  const micros = Math.round(seconds * 1e6);
  const days = Math.floor(micros / 86_400e6);
  const rest = micros - days * 86_400e6;
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${Math.floor(rest / 3600e6)}:${two(Math.floor(rest / 60e6) % 60)}:${two(Math.floor(rest / 1e6) % 60)}`;
  const fraction = rest % 1e6 === 0 ? "" : `.${String(rest % 1e6).padStart(6, "0")}`;
  return `${days === 0 ? "" : `${days} day${days === 1 ? "" : "s"}, `}${clock}${fraction}`;
}
