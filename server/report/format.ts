import { fourDigits } from "../run/figures.ts";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A count with thousands separators. */
export function count(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? "–" : grouped.format(value);
}

/** `1 remark`, `2 remarks`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A percentage with its sign: two decimals, more where two would show a figure other than zero as zero. */
export function pct(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? "–" : `${decimals(value)}%`;
}

/** A difference of two percentages in percentage points, never shown as zero when it is not. */
export function points(value: number): string {
  return `${decimals(Math.abs(value))} pp`;
}

/** A score, threshold or loss. */
export function score(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? "–" : fourDigits(value);
}

/** `1 h 04 m`, `3 m 05 s`, `12 s`. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return "–";
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
}

/** `2026-11-21 21:05:03 UTC`; a text that is no time stays as it is. */
export function instant(text: string | undefined): string {
  if (text === undefined) return "–";
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function decimals(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || size >= 0.1) return value.toFixed(2);
  return size >= 0.005 ? value.toFixed(3) : value.toPrecision(2);
}
