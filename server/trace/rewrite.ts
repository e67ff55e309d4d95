import { join } from "node:path";
import { writeAtomic } from "../fs/atomic.ts";
import type { TraceLine } from "./format.ts";
import { namedIn, type Trace } from "./load.ts";

/**
 * Replaces a trace by what its replay gave: the same calls, outputs and times, today's results, jobs, their inputs and
 * log entries. A file that nothing names any more is left out.
 */
export async function rewriteTrace(trace: Trace, lines: readonly (readonly TraceLine[])[]): Promise<void> {
  const wanted = new Set(lines.flat().flatMap((line) => namedIn(line).map(({ stored }) => stored)));
  const isUsed = (line: TraceLine) => line.kind !== "file" || wanted.delete(line.sha256);
  for (const [index, { file }] of trace.connections.entries()) {
    const now = (lines[index] ?? [])
      .filter(isUsed)
      .map(({ n: _n, ...rest }, at) => `${JSON.stringify({ n: at + 1, ...rest })}\n`);
    await writeAtomic(join(trace.path, file), now);
  }
}
