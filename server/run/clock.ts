/** Time and chance, passed in so that tests and replays decide them. */
export type Clock = { now(): Date };
export type Ids = {
  /** A fresh token of `length` lower-case hex digits. */
  hex(length: number): string;
};

const two = (value: number) => String(value).padStart(2, "0");

/** `2026-11-21T21:05:03+00:00`: UTC, whole seconds, as the published state writes it. */
export function isoSeconds(at: Date): string {
  return `${at.toISOString().slice(0, 19)}+00:00`;
}

/** `2026-11-21T21:05:03.123000Z`: UTC with microseconds, as the published log writes it. */
export function isoMicros(at: Date): string {
  return at.toISOString().replace("Z", "000Z");
}

/** `20261121_210503` (UTC), the stamp of a run directory. */
export function runStamp(at: Date): string {
  return `${at.getUTCFullYear()}${two(at.getUTCMonth() + 1)}${two(at.getUTCDate())}_${clockDigits(at)}`;
}

/** `2026-11-21_210503` (UTC), the stamp of a stage directory. */
export function stageStamp(at: Date): string {
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}_${clockDigits(at)}`;
}

function clockDigits(at: Date): string {
  return `${two(at.getUTCHours())}${two(at.getUTCMinutes())}${two(at.getUTCSeconds())}`;
}
