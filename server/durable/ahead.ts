import { awaitedLine, follows } from "../exec/awaited-line.ts";
import { spawnWaiting, type Waiting } from "../exec/detached.ts";

/** What tells one keeper from another but for its work. */
export type Start = {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logPath: string;
};

/** A waiting keeper and its program take 120 MB, and nobody wants them once the run rests. */
const waitsMs = 60_000;

/**
 * The one keeper that was started before there is work for it, so that Node and its program are loaded by then. It has
 * no claim, nothing on disk knows of it, and it ends when this process does.
 */
let ahead: { readonly like: string; readonly waiting: Waiting; readonly idle: NodeJS.Timeout } | undefined;

/** Starts one ahead, where that works; nothing rests on it. */
export function startAhead(start: Start): void {
  dismissAhead();
  try {
    const waiting = spawnWaiting([...start.argv, follows], start);
    ahead = { like: JSON.stringify(start), waiting, idle: setTimeout(dismissAhead, waitsMs).unref() };
  } catch {
    // Its log cannot be opened: who starts the next one is told.
  }
}

/** Gives the work to the keeper that waits, if there is one like it: its process id. */
export async function beginAhead(start: Start, stem: string): Promise<number | undefined> {
  if (ahead?.like !== JSON.stringify(start) || !ahead.waiting.isThere()) return undefined;
  const { waiting, idle } = ahead;
  clearTimeout(idle);
  ahead = undefined;
  await waiting.begin(stem);
  return waiting.pid;
}

function dismissAhead(): void {
  clearTimeout(ahead?.idle);
  ahead?.waiting.dismiss();
  ahead = undefined;
}

/** The stem that a keeper was given, or is given now; undefined where nobody is left to give it one. */
export async function awaitedStem(given: string): Promise<string | undefined> {
  return given === follows ? await awaitedLine() : given;
}
