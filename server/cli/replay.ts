import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Refusal, refusals } from "../errors.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { realPathOf } from "../fs/contained.ts";
import { withScratchFolder } from "../fs/folder.ts";
import { absent } from "../trace/compare.ts";
import { playLive } from "../trace/live.ts";
import { assertKnownTools, loadTrace, type Trace } from "../trace/load.ts";
import { type Played, playTrace } from "../trace/play.ts";
import { unrecordedJob } from "../trace/play-jobs.ts";
import type { Difference } from "../trace/play-state.ts";
import { rewriteTrace } from "../trace/rewrite.ts";
import { describeLine } from "../trace/show.ts";
import { symbolTable } from "../trace/symbols.ts";
import { tapeOf } from "../trace/tape.ts";
import { type Arguments, parseArguments } from "./arguments.ts";
import { systemDeps } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { exitDefect, exitOk, printJson, reportRefusal } from "./outcome.ts";
import { knownTools, replayStage, serversOf, withWorkspace } from "./replay-world.ts";

const usage = `usage: deft-mcp replay TRACE [--workspace DIR] [--allow-new-fields] [--update] [--partial]
                             [--live embedded] [--json]

Plays a recorded trace against this version: the same calls, the same answers of the human, jobs from the recording.
Needs no GPU, no Docker and no network. Exit 0: it goes the same way; 1: it differs; 2: the trace cannot be used.

  --workspace DIR      the workspace it was recorded on; a generated one is made anew. Runs of the replay are removed.
  --allow-new-fields   fields that results gained are no difference
  --update             rewrite the trace to what happens now, and show what changed
  --partial            replay a trace whose last server was killed, as far as it goes
  --live embedded      run the jobs again with the embedded engine and compare what came of them, within tolerances
`;

type Replay = Played & { readonly notes: readonly string[]; readonly seconds: number };

/** `deft-mcp replay TRACE`: does a recorded run still go the same way? */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  const json = argv.includes("--json");
  return await reportRefusal(io, json, async () => {
    const flag = { type: "boolean" } as const;
    const modes = { "allow-new-fields": flag, update: flag, partial: flag, json: flag };
    const given = parseArguments(argv, { workspace: { type: "string" }, live: { type: "string" }, ...modes }, [
      "TRACE",
    ]);
    const path = resolve(io.cwd, given.positionals[0] ?? "");
    const trace = await loadTrace(path, { partial: given.flag("partial") });
    assertKnownTools(trace, knownTools);
    assertLive(given);
    const replay = await replayed(trace, given, io);
    const isNew = replay.differences.some(({ expected }) => expected === unrecordedJob);
    const update = given.flag("update") && replay.differences.length > 0 && !isNew;
    if (update) await rewriteTrace(trace, replay.lines);
    const notes = isNew
      ? [...replay.notes, "a job runs that the trace does not hold: record the run anew"]
      : replay.notes;
    const remedy = given.text("live") === undefined ? refusals["trace.difference"].remedy : liveRemedy;
    report(trace, { ...replay, notes }, { updated: update, remedy }, json, io);
    return replay.differences.length === 0 || update ? exitOk : exitDefect;
  });
}

function assertLive(given: Arguments): void {
  const live = given.text("live");
  if (live !== undefined && live !== "embedded") {
    throw new Refusal("input.invalid", "Jobs run live on the embedded engine only.", { live, known: ["embedded"] });
  }
  if (live !== undefined && given.flag("update")) {
    throw new Refusal("input.invalid", "--live compares; it has nothing to update a trace with.", {});
  }
}

async function replayed(trace: Trace, given: Arguments, io: CliIo): Promise<Replay> {
  const started = Date.now();
  const chosen = given.text("workspace");
  const workspaceGiven = chosen === undefined ? undefined : resolve(io.cwd, chosen);
  return await withScratchFolder(join(await realPathOf(tmpdir()), "deft-replay"), async (scratch) => {
    const home = join(scratch, "home");
    await makeDirectory(home);
    return await withWorkspace(trace, workspaceGiven, scratch, async (workspace, notes) => {
      const symbols = symbolTable();
      symbols.root("home", home);
      symbols.root("workspace", workspace);
      const log = (line: string) => void print(io.stderr, `${line}\n`);
      if (given.text("live") !== undefined) {
        const real = systemDeps({ env: { PATH: io.env.PATH }, cwd: home });
        const connect = serversOf(() => real, symbols, home, log);
        const live = await playLive(trace, connect, symbols);
        return {
          ...live,
          skipped: [],
          lines: [],
          notes: [...notes, ...cutOff(trace)],
          seconds: (Date.now() - started) / 1000,
        };
      }
      const tape = tapeOf(trace, symbols);
      const stage = replayStage(trace, tape, symbols, home, log);
      const options = { newFields: given.flag("allow-new-fields"), goOn: given.flag("update") };
      const played = await playTrace(trace, stage, tape, symbols, options);
      const skipped = played.skipped.map((tool) => `${tool} needs an outside service and was not replayed`);
      return { ...played, notes: [...notes, ...cutOff(trace), ...skipped], seconds: (Date.now() - started) / 1000 };
    });
  });
}

/** Says where a trace stops whose last server was killed: nothing after that is known. */
function cutOff({ connections }: Trace): string[] {
  const last = connections.at(-1);
  if (last === undefined || last.ended) return [];
  return [`the trace is cut off after ${last.file} line ${last.lines.length}: replayed up to there`];
}

/** No recording can be brought in line with jobs that come out otherwise each time. */
const liveRemedy = "Repeat it; where the outcome is meant, record the run again.";

type Ending = { readonly updated: boolean; readonly remedy: string };

function report(trace: Trace, replay: Replay, { updated, remedy }: Ending, json: boolean, io: CliIo): void {
  const { differences, calls, notes, seconds } = replay;
  const same = differences.length === 0;
  if (json) {
    const message = `The run goes another way at ${differences[0]?.what}.`;
    const error = same || updated ? {} : { error: { code: "trace.difference", message, remedy } };
    printJson(io, { ok: same || updated, same, updated, ...error, calls, differences, notes, seconds });
    return;
  }
  for (const text of notes) print(io.stdout, `note: ${text}\n`);
  if (same)
    print(io.stdout, `same: ${calls} calls of ${trace.connections.length} connections in ${seconds.toFixed(1)} s\n`);
  else if (updated) print(io.stdout, `${differencesText(differences)}\nupdated: ${differences.length} places\n`);
  else print(io.stdout, firstDifferenceText(trace, differences, remedy));
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
