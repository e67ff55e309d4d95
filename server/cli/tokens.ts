import { tryRender } from "../loop/running/render-after.ts";
import { type AlignedRun, alignRunTokens } from "../tokens/align-run.ts";
import { namedTranscripts } from "../tokens/find-transcripts.ts";
import { systemDeps } from "./deps.ts";
import { command } from "./frame.ts";
import { runNearby } from "./nearby.ts";

/** `deft-mcp tokens [RUN]`: aligns an agent's token usage with the stages of a run. */
export const run = command("tokens", async ({ positionals: [named], options }, io) => {
  const deps = systemDeps(io);
  const runDir = await runNearby(named, options.workspace, deps);
  const chosen = await Promise.all(options.transcript.map((path) => namedTranscripts(path)));
  const aligned = await alignRunTokens(runDir, deps, chosen.length === 0 ? undefined : chosen.flat());
  const stale = aligned.changed ? await tryRender(runDir, deps) : undefined;
  const warnings = [aligned.warning, stale].filter((one) => one !== undefined);
  const text = `${[alignedText(aligned), ...warnings.map((one) => `warning: ${one}`)].join("\n")}\n`;
  return { value: { run_dir: runDir, ...aligned, warnings }, text };
});

function alignedText({ attributed, messages, stages, transcripts, changed, note }: AlignedRun): string {
  if (note !== undefined) return note;
  const files = `${transcripts.length} ${transcripts.length === 1 ? "transcript" : "transcripts"}`;
  const log = changed ? "loop_log.jsonl rewritten" : "loop_log.jsonl unchanged";
  return `${attributed} of ${messages} messages of ${files} attributed to ${stages} log entries; ${log}`;
}
