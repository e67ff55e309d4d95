import { join } from "node:path";
import { writeAtomic } from "../fs/atomic.ts";
import type { TraceLine } from "./format.ts";
import type { Trace } from "./load.ts";

/** Replaces a trace by what its replay gave: the same calls, files and times, today's results, jobs and log entries. */
export async function rewriteTrace(trace: Trace, lines: readonly (readonly TraceLine[])[]): Promise<void> {
  for (const [index, { file }] of trace.connections.entries()) {
    const now = (lines[index] ?? []).map(({ n: _n, ...rest }, at) => `${JSON.stringify({ n: at + 1, ...rest })}\n`);
    await writeAtomic(join(trace.path, file), now);
  }
}
