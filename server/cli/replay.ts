import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { excerpt, Refusal, refusals } from "../errors.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { realPathOf } from "../fs/contained.ts";
import { withScratchFolder } from "../fs/folder.ts";
import { oneLine } from "../run/visible.ts";
import { absent } from "../trace/compare.ts";
import { playLive } from "../trace/live.ts";
import { assertKnownTools, loadTrace, type Trace } from "../trace/load.ts";
import { stoodInFor } from "../trace/outputs.ts";
import { type Played, playTrace } from "../trace/play.ts";
import { unrecordedJob } from "../trace/play-jobs.ts";
import type { Difference } from "../trace/play-state.ts";
import { rewriteTrace } from "../trace/rewrite.ts";
import { describeLine } from "../trace/show.ts";
import { symbolTable } from "../trace/symbols.ts";
import { tapeOf } from "../trace/tape.ts";
import type { Given } from "./declarations.ts";
import { systemDeps } from "./deps.ts";
import { type Answer, command, exitDefect, exitOk } from "./frame.ts";
import { type CliIo, print } from "./io.ts";
import { knownTools, replayStage, serversOf, withWorkspace } from "./replay-world.ts";

type Replay = Played & { readonly notes: readonly string[] };

type Options = Given<"replay">["options"];

/** `deft-mcp replay TRACE`: does a recorded run still go the same way? */
export const run = command("replay", async ({ positionals: [path], options }, io) => {
  const trace = await loadTrace(resolve(io.cwd, path), { partial: options.partial });
  assertKnownTools(trace, knownTools);
  if (options.live !== undefined && options.update) {
    throw new Refusal("input.invalid", "--live compares; it has nothing to update a trace with.", {});
  }
  const started = performance.now();
  const replay = await replayed(trace, options, io);
  const isNew = replay.differences.some(({ expected }) => expected === unrecordedJob);
  const updated = options.update && replay.differences.length > 0 && !isNew;
  if (updated) await rewriteTrace(trace, replay.lines);
  const unheld = isNew ? ["a job runs that the trace does not hold: record the run anew"] : [];
  const remedy = options.live === undefined ? refusals["trace.difference"].remedy : liveRemedy;
  const notes = [...replay.notes, ...unheld];
  return answerOf(trace, { ...replay, notes }, { updated, remedy, seconds: (performance.now() - started) / 1000 });
});

async function replayed(trace: Trace, options: Options, io: CliIo): Promise<Replay> {
  return await withScratchFolder(join(await realPathOf(tmpdir()), "deft-replay"), async (scratch) => {
    const home = join(scratch, "home");
    await makeDirectory(home);
    return await withWorkspace(trace, options.workspace, scratch, async (workspace, notes) => {
      const symbols = symbolTable();
      symbols.root("home", home);
      symbols.root("workspace", workspace);
      const log = (line: string) => void print(io.stderr, `${line}\n`);
      if (options.live !== undefined) {
        const real = systemDeps({ env: { PATH: io.env.PATH }, cwd: home });
        const live = await playLive(
          trace,
          serversOf(() => real, symbols, home, log),
          symbols,
        );
        return { ...live, skipped: [], lines: [], notes: [...notes, ...cutOff(trace)] };
      }
      const tape = tapeOf(trace, symbols);
      const stage = replayStage(trace, tape, symbols, home, log);
      const how = { newFields: options["allow-new-fields"], goOn: options.update };
      const played = await playTrace(trace, stage, tape, symbols, how);
      const skipped = played.skipped.map((tool) => `${tool} needs an outside service and was not replayed`);
      return { ...played, notes: [...notes, ...cutOff(trace), ...stoodIn(trace), ...skipped] };
    });
  });
}

/** Says where a trace stops whose last server was killed: nothing after that is known. */
function cutOff({ connections }: Trace): string[] {
  const last = connections.at(-1);
  if (last === undefined || last.ended) return [];
  return [`the trace is cut off after ${last.file} line ${last.lines.length}: replayed up to there`];
}

/** Says for which texts and tables of jobs the replay had to put something else. */
function stoodIn({ connections }: Trace): string[] {
  const [first, ...more] = stoodInFor(connections.flatMap(({ lines }) => lines));
  if (first === undefined) return [];
  const others = more.length === 0 ? "" : ` and ${more.length} more`;
  return [`the trace lacks the content of ${oneLine(excerpt(first))}${others}: whatever reads it reads a stand-in`];
}

/** No recording can be brought in line with jobs that come out otherwise each time. */
const liveRemedy = "Repeat it; where the outcome is meant, record the run again.";

type Ending = { readonly updated: boolean; readonly remedy: string; readonly seconds: number };

function answerOf(trace: Trace, replay: Replay, { updated, remedy, seconds }: Ending): Answer {
  const { differences, calls, notes } = replay;
  const same = differences.length === 0;
  const ok = same || updated;
  const [first] = differences;
  const message = `The run goes another way at ${first?.what}.`;
  const facts = { file: first?.file, line: first?.line, differences: differences.length };
  const error = ok ? {} : { error: { code: "trace.difference", message, facts, remedy } };
  const said = same
    ? `same: ${calls} calls of ${trace.connections.length} connections in ${seconds.toFixed(1)} s\n`
    : updated
      ? `${differencesText(differences)}\nupdated: ${differences.length} places\n`
      : firstDifferenceText(trace, differences, remedy);
  return {
    value: { ok, same, updated, ...error, calls, differences, notes, seconds },
    text: `${notes.map((text) => `note: ${text}\n`).join("")}${said}`,
    exit: ok ? exitOk : exitDefect,
  };
}

const CONTEXT = 6;
const SHOWN = 5;

function firstDifferenceText(trace: Trace, differences: readonly Difference[], remedy: string): string {
  const [first] = differences;
  if (first === undefined) return "";
  const lines = trace.connections.find(({ file }) => file === first.file)?.lines ?? [];
  const before = lines.filter(({ n }) => n <= first.line).flatMap((line) => describeLine(line) ?? []);
  const rest = differences.length - SHOWN;
  const more = rest > 0 ? `(${rest} more in the same answer)\n` : "";
  const story = before.slice(-CONTEXT).join("\n");
  const shown = differencesText(differences.slice(0, SHOWN));
  return `trace.difference: ${first.file} line ${first.line}\n\n${story}\n\n${shown}\n${more}Next: ${remedy}\n`;
}

/** Places one below the other, under what they belong to. */
function differencesText(differences: readonly Difference[]): string {
  const shown = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const rows = differences.flatMap(({ what, path, expected, actual }, at) => {
    const [one, other] = apart(shown(expected) ?? "", shown(actual) ?? "");
    const head = what === differences[at - 1]?.what ? [] : [what];
    return [...head, `  at ${path}`, `  - recorded  ${one}`, `  + now       ${other}`];
  });
  return rows.join("\n");
}

/** Two texts of several lines from the first to the last line in which they differ. */
function apart(expected: string, actual: string): [string, string] {
  const [one, other] = [expected.split("\n"), actual.split("\n")];
  const isAlike = (a: readonly string[], b: readonly string[], at: number) =>
    a.at(at) !== undefined && a.at(at) === b.at(at);
  let begin = 0;
  while (isAlike(one, other, begin)) begin++;
  let end = 0;
  while (end < Math.min(one.length, other.length) - begin && isAlike(one, other, -1 - end)) end++;
  const cut = (lines: readonly string[]) => lines.slice(begin, lines.length - end).join("\n              ") || absent;
  return [cut(one), cut(other)];
}
