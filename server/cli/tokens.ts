import { resolve } from "node:path";
import { tryRender } from "../loop/running/render-after.ts";
import { resolveRun } from "../loop/which-run.ts";
import { type AlignedRun, alignRunTokens } from "../tokens/align-run.ts";
import { namedTranscripts } from "../tokens/find-transcripts.ts";
import { parseArguments } from "./arguments.ts";
import { systemDeps } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";

const usage = `usage: deft-mcp tokens [RUN] [--transcript FILE|DIR]... [--workspace DIR] [--json]

Writes into loop_log.jsonl what each stage cost the agent, from its transcripts: those of Claude Code for the current
directory, or the named ones. A message that a transcript repeats on several lines counts once (the vendor's program
counts every line). finish_loop does the same; repeating it changes nothing.
`;

/** `deft-mcp tokens [RUN]`: aligns an agent's token usage with the stages of a run. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  const json = argv.includes("--json");
  return await reportRefusal(io, json, async () => {
    const text = { type: "string" } as const;
    const options = { workspace: text, transcript: { ...text, multiple: true }, json: { type: "boolean" } } as const;
    const given = parseArguments(argv, options, ["[RUN]"]);
    const deps = systemDeps(io);
    const choice = { run: given.positionals[0], workspace: given.text("workspace") };
    const runDir = await resolveRun(choice, deps, { orLatest: true });
    const named = given.texts("transcript").map((path) => namedTranscripts(resolve(io.cwd, path)));
    const transcripts = named.length === 0 ? undefined : (await Promise.all(named)).flat();
    const aligned = await alignRunTokens(runDir, deps, transcripts);
    const stale = aligned.changed ? await tryRender(runDir, deps) : undefined;
    const warnings = [aligned.warning, stale].filter((one) => one !== undefined);
    if (json) printJson(io, { run_dir: runDir, ...aligned, warnings });
    else print(io.stdout, `${[alignedText(aligned), ...warnings.map((one) => `warning: ${one}`)].join("\n")}\n`);
    return exitOk;
  });
}

function alignedText({ attributed, messages, stages, transcripts, changed, note }: AlignedRun): string {
  if (note !== undefined) return note;
  const files = `${transcripts.length} ${transcripts.length === 1 ? "transcript" : "transcripts"}`;
  const log = changed ? "loop_log.jsonl rewritten" : "loop_log.jsonl unchanged";
  return `${attributed} of ${messages} messages of ${files} attributed to ${stages} log entries; ${log}`;
}
