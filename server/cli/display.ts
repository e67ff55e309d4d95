import { shortDuration } from "../run/figures.ts";
import { oneLine, visible } from "../run/visible.ts";
import { type CliIo, nearPaths, print } from "./io.ts";

/** Shows a long course of steps: a bar that is redrawn on a terminal, plain lines anywhere else. */
export type Display = {
  /** A line that stays. */
  say(line: string): void;
  /** How far the whole course is (0..1) and what is being done. Not shown without a terminal. */
  progress(fraction: number, doing: string): void;
  /** Removes the bar. */
  close(): void;
};

const BAR = 24;
const CLEAR = "\r\u001b[2K";
const TICK_MS = 250;

export function plainDisplay(out: NodeJS.WritableStream): Display {
  return { say: (line) => print(out, `${line}\n`), progress() {}, close() {} };
}

/** A bar on a terminal, lines elsewhere; with --json stdout is left to the result. */
export function displayFor(io: CliIo, json: boolean): Display {
  const display = io.isTty && !json ? barDisplay(io.stdout) : plainDisplay(json ? io.stderr : io.stdout);
  return { ...display, say: (line) => display.say(nearPaths(line, io.cwd)) };
}

/** Does work that tells how far it is, under a bar where there is a terminal. */
export async function withBar<T>(
  io: CliIo,
  json: boolean,
  work: (progress: (doing: string, fraction?: number) => void) => Promise<T>,
): Promise<T> {
  const display = displayFor(io, json);
  try {
    return await work((doing, fraction = 0) => display.progress(fraction, doing));
  } finally {
    display.close();
  }
}

/** Width of the terminal behind a stream; 80 where there is none, or one that does not know it and says 0. */
export function columnsOf(out: NodeJS.WritableStream): number {
  return "columns" in out && typeof out.columns === "number" && out.columns > 0 ? out.columns : 80;
}

/** Returns what draws a text of several lines over the one before, each line cut to the terminal so that none wraps. */
export function drawnInPlace(out: NodeJS.WritableStream): (text: string) => void {
  let lines = 0;
  return (text) => {
    const cut = visible(text)
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => [...line].slice(0, columnsOf(out) - 1).join(""));
    out.write(`${lines === 0 ? "" : `\u001b[${lines}A\u001b[0J`}${cut.join("\n")}\n`);
    lines = cut.length;
  };
}

/** The width is asked for at every redraw, because people resize windows. */
export function barDisplay(out: NodeJS.WritableStream): Display {
  const started = performance.now();
  let shown: { fraction: number; doing: string } | undefined;
  const draw = () => {
    if (shown === undefined) return;
    const text = `${barText(shown.fraction)} ${oneLine(shown.doing)} · ${shortDuration((performance.now() - started) / 1000)}`;
    out.write(CLEAR + [...text].slice(0, Math.max(20, columnsOf(out) - 1)).join(""));
  };
  const timer = setInterval(draw, TICK_MS).unref();
  return {
    say(line) {
      out.write(`${shown === undefined ? "" : CLEAR}${visible(line)}\n`);
      draw();
    },
    progress(fraction, doing) {
      shown = { fraction, doing };
      draw();
    },
    close() {
      clearInterval(timer);
      if (shown !== undefined) out.write(CLEAR);
      shown = undefined;
    },
  };
}

/** `[██████░░░░░░░░░░░░░░░░░░]  25%` */
export function barText(fraction: number): string {
  const bounded = Math.max(0, Math.min(1, fraction));
  const full = Math.floor(bounded * BAR);
  return `[${"█".repeat(full)}${"░".repeat(BAR - full)}] ${String(Math.floor(bounded * 100)).padStart(3)}%`;
}
