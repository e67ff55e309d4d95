import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Refusal, refusals } from "../errors.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { realPathOf } from "../fs/contained.ts";
import { withScratchFolder } from "../fs/folder.ts";
import { playLive } from "../trace/live.ts";
import { assertKnownTools, loadTrace, type Trace } from "../trace/load.ts";
import { type Difference, type Played, playTrace, unrecordedJob } from "../trace/play.ts";
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
  --partial            replay a trace whose server never ended
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
    report(trace, { ...replay, notes }, update, json, io);
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
        return { ...live, skipped: [], lines: [], notes, seconds: (Date.now() - started) / 1000 };
      }
      const tape = tapeOf(trace, symbols);
      const stage = replayStage(trace, tape, symbols, home, log);
      const options = { newFields: given.flag("allow-new-fields"), goOn: given.flag("update") };
      const played = await playTrace(trace, stage, tape, symbols, options);
      const skipped = played.skipped.map((tool) => `${tool} needs an outside service and was not replayed`);
      return { ...played, notes: [...notes, ...skipped], seconds: (Date.now() - started) / 1000 };
    });
  });
}

function report(trace: Trace, replay: Replay, updated: boolean, json: boolean, io: CliIo): void {
  const { differences, calls, notes, seconds } = replay;
  const same = differences.length === 0;
  if (json) {
    const { remedy } = refusals["trace.difference"];
    const message = `The run goes another way at ${differences[0]?.what}.`;
    const error = same || updated ? {} : { error: { code: "trace.difference", message, remedy } };
    printJson(io, { ok: same || updated, same, updated, ...error, calls, differences, notes, seconds });
    return;
  }
  for (const text of notes) print(io.stdout, `note: ${text}\n`);
  if (same)
    print(io.stdout, `same: ${calls} calls of ${trace.connections.length} connections in ${seconds.toFixed(1)} s\n`);
  else if (updated)
    print(io.stdout, `${differences.map(differenceText).join("\n")}\nupdated: ${differences.length} places\n`);
  else print(io.stdout, firstDifferenceText(trace, differences));
}

const CONTEXT = 6;

function firstDifferenceText(trace: Trace, differences: readonly Difference[]): string {
  const [first] = differences;
  if (first === undefined) return "";
  const lines = trace.connections.find(({ file }) => file === first.file)?.lines ?? [];
  const before = lines.filter(({ n }) => n <= first.line).flatMap((line) => describeLine(line) ?? []);
  const more = differences.length > 1 ? `(${differences.length - 1} more in the same answer)\n` : "";
  const { remedy } = refusals["trace.difference"];
  const story = before.slice(-CONTEXT).join("\n");
  return `trace.difference: ${first.file} line ${first.line}\n\n${story}\n\n${differenceText(first)}\n${more}Next: ${remedy}\n`;
}

function differenceText({ what, path, expected, actual }: Difference): string {
  const shown = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return `${what}\n  at ${path}\n  - recorded  ${shown(expected)}\n  + now       ${shown(actual)}`;
}
