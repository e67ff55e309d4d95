import { excerpt } from "../errors.ts";
import { backfillTokens, readRun, withRun } from "../journal/journal.ts";
import type { Deps } from "../ports/call.ts";
import { alignTokens } from "./align.ts";
import { collectMessages } from "./collect.ts";
import { findTranscripts } from "./find-transcripts.ts";

export type AlignedRun = {
  /** Messages that fell into a stage's window, of all. */
  readonly attributed: number;
  readonly messages: number;
  readonly stages: number;
  readonly transcripts: readonly string[];
  /** Whether the log was rewritten; false when it already said the same. */
  readonly changed: boolean;
  readonly note?: string;
  readonly warning?: string;
};

/**
 * Writes into each log entry what its stage cost the agent, from the agent's transcripts. The same transcripts give the
 * same log again. Without a transcript, or without a message in any window, the log stays as it is.
 *
 * Transcripts are read before the run lock is taken: they may be long.
 *
 * @throws Refusal `input.no-run`, `input.unreadable-file`, `state.locked`, `state.tampered`.
 */
export async function alignRunTokens(runDir: string, deps: Deps, given?: readonly string[]): Promise<AlignedRun> {
  const transcripts = given ?? (await findTranscripts(deps));
  const { entries } = await readRun(runDir);
  const messages = await collectMessages(transcripts);
  const base = { messages: messages.length, stages: entries.length, transcripts };
  if (transcripts.length === 0) {
    return {
      ...base,
      attributed: 0,
      changed: false,
      note: "No transcript of an agent was found; tokens stay unknown.",
    };
  }
  return await withRun(
    runDir,
    async (run) => {
      const { usage, attributed } = alignTokens(run.entries, messages);
      if (attributed > 0) return { ...base, attributed, changed: await backfillTokens(run, usage) };
      const files = transcripts.length === 1 ? "the transcript" : `the ${transcripts.length} transcripts`;
      const warning = `No message of ${files} falls into the time of this run; tokens stay unknown.`;
      return { ...base, attributed, changed: false, warning };
    },
    { ...deps, whole: true },
  );
}

/** The same as the last step of a loop, which it must not fail: what goes wrong becomes the warning. */
export async function tryAlignTokens(runDir: string, deps: Deps): Promise<string | undefined> {
  try {
    return (await alignRunTokens(runDir, deps)).warning;
  } catch (error) {
    return `Tokens were not aligned: ${excerpt(error instanceof Error ? error.message : String(error))}`;
  }
}
