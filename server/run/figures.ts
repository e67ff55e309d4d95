import type { JobProgress } from "./job.ts";

/** A figure for people: four digits, since more say nothing about a loss, a score or a threshold. */
export function fourDigits(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** Numbers with more decimals than anybody reads; hex digests, versions and paths have none that look so. */
const longDecimal = /(?<![\w.])-?\d+\.\d{5,}(?:e[+-]?\d+)?(?![\w.])/gi;

/** A sentence with its long figures in four digits. */
export function figuresShown(text: string): string {
  return text.replace(longDecimal, (figure) => fourDigits(Number(figure)));
}

/** What a stage says of itself, for people: paths relative to the run, figures in four digits. Its log keeps them whole. */
export function summaryShown(summary: string, runDir: string): string {
  return figuresShown(summary.replaceAll(`${runDir}/`, ""));
}

/** `11m`, `2h 05m`, `8s`: a duration for people. */
export function shortDuration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)}s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes}m` : `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

/** Where a running job stands, with what is left of it where its backend says so. */
export function progressText({ message, eta_sec }: JobProgress): string {
  return eta_sec === undefined || eta_sec < 1 ? message : `${message}, about ${shortDuration(eta_sec)} left`;
}
