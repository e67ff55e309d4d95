import { setTimeout as sleep } from "node:timers/promises";
import { quoted, Refusal } from "../errors.ts";
import { cancelWorkflow } from "../osmo/cancel.ts";
import { editPreferences } from "../osmo/edit-preferences.ts";
import { flowIds } from "../osmo/flow.ts";
import { flows } from "../osmo/flow-table.ts";
import { fetchOutputs } from "../osmo/outputs.ts";
import { type PreferenceKey, preferenceKeys } from "../osmo/preferences.ts";
import { isFlowId } from "../osmo/questions.ts";
import { planOnly, type SubmitArgs, submitFlow } from "../osmo/submit.ts";
import { dryRunReport, submitReport } from "../osmo/submit-report.ts";
import { watchWorkflow } from "../osmo/watch.ts";
import { startWatcher, statusWithWatcher } from "../osmo/watcher.ts";
import { parseArguments } from "./arguments.ts";
import { mainPath, systemDeps } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { askingCall } from "./osmo-human.ts";
import { exitDefect, exitOk, printJson, reportRefusal } from "./outcome.ts";

const usage = `usage: deft-mcp osmo COMMAND

  flows                                  the flows with their use cases
  plan FLOW [--usecase U] [--set K=V]... the five sections of a submit; nothing is sent
  spec FLOW [--usecase U] [--set K=V]... the rendered workflow
  submit FLOW [--usecase U] [--board B] [--pool P] [--pair-with NAME] [--set K=V]...
  status [RUN] [--task T] [--events]     RUN is a workflow id or run name; default the last submit
  watch [RUN] [--every SECONDS] [--detach]
                                         looks until the workflow ends; --detach goes on without this terminal
  cancel RUN --reason TEXT
  outputs [RUN] [--mode preview|archive] [--samples 5..10]
  preferences [--set K=V] [--forget K]

All take --json and --workspace DIR; plan, spec and submit take --flows-dir DIR. Exit 0 is fine, 1 a workflow that
failed (watch), 2 refused.
`;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const options = {
  ...{ usecase: text, board: text, pool: text, "pair-with": text, "flows-dir": text, workspace: text },
  ...{ task: text, every: text, reason: text, mode: text, samples: text, forget: text },
  ...{ events: flag, detach: flag, json: flag, "no-probe": flag },
} as const;

type Given = ReturnType<typeof parseArguments> & { readonly sets: Record<string, string> };

/** `deft-mcp osmo ...`: the OSMO tools for people, and the watcher that outlives a client. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.length === 0 || argv.includes("--help")) {
    print(io.stdout, usage);
    return argv.length === 0 ? 2 : exitOk;
  }
  const [command = "", ...rest] = argv;
  return await reportRefusal(io, argv.includes("--json"), async () => {
    const { words, sets } = takeSets(rest);
    const positionals = ["plan", "spec", "submit"].includes(command) ? ["FLOW"] : ["[RUN]"];
    const given = { ...parseArguments(words, options, positionals), sets };
    return await perform(command, given, io);
  });
}

/** `--set` may be repeated, which the shared parser does not collect. */
function takeSets(words: readonly string[]): { words: string[]; sets: Record<string, string> } {
  const sets: Record<string, string> = {};
  const kept: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word !== "--set") {
      kept.push(word);
      continue;
    }
    index += 1;
    const [, key, value] = /^([^=]+)=([\s\S]*)$/.exec(words[index] ?? "") ?? [];
    if (key === undefined) throw new Refusal("input.invalid", "--set takes KEY=VALUE.", { got: words[index] });
    sets[key] = value ?? "";
  }
  return { words: kept, sets };
}

async function perform(command: string, given: Given, io: CliIo): Promise<number> {
  const call = askingCall(systemDeps(io));
  const json = given.flag("json");
  const [named] = given.positionals;
  const show = (report: { status_line?: string }) => tell(io, json, report);
  switch (command) {
    case "flows":
      return json ? show({ flows: flowRows() } as object) : listFlows(io);
    case "plan":
      return show(dryRunReport(await planOnly(call, submitArgs(named, given))));
    case "spec":
      print(io.stdout, `${(await planOnly(call, submitArgs(named, given))).spec ?? ""}\n`);
      return exitOk;
    case "submit":
      return show(submitReport(call, await submitFlow(call, submitArgs(named, given))));
    case "status":
      return show(
        await statusWithWatcher(call, { run: named, task: given.text("task"), events: given.flag("events") }),
      );
    case "watch":
      return await watch(named, given, io);
    case "cancel":
      return show(await cancelWorkflow(call, { run: named, reason: given.text("reason") ?? "asked at the terminal" }));
    case "outputs":
      return show(await fetchOutputs(call, outputArgs(named, given)));
    case "preferences":
      return show(await editPreferences(call, preferenceArgs(given)));
    default:
      throw new Refusal("input.invalid", `There is no command osmo ${command}.`, { help: "deft-mcp osmo --help" });
  }
}

function flowRows() {
  return Object.values(flows).map(({ id, title, usecases }) => ({ id, title, usecases }));
}

function listFlows(io: CliIo): number {
  const cases = (names: readonly string[]) => (names.length === 0 ? "" : ` (${names.join(", ")})`);
  print(
    io.stdout,
    flowRows()
      .map(({ id, title, usecases }) => `${id}${cases(usecases)}: ${title}\n`)
      .join(""),
  );
  return exitOk;
}

function submitArgs(flow: string | undefined, given: Given): SubmitArgs {
  if (flow === undefined || !isFlowId(flow)) {
    const message = flow === undefined ? "Name a flow." : `There is no flow ${quoted(flow)}.`;
    throw new Refusal("input.invalid", message, { flows: flowIds });
  }
  return {
    flow,
    usecase: given.text("usecase"),
    board: given.text("board"),
    pool: given.text("pool"),
    pair_with: given.text("pair-with"),
    workspace: given.text("workspace"),
    flows_dir: given.text("flows-dir"),
    no_probe: given.flag("no-probe"),
    knobs: given.sets,
  };
}

function outputArgs(run: string | undefined, given: Given) {
  const mode = given.text("mode") === "archive" ? ("archive" as const) : ("preview" as const);
  const samples = Number(given.text("samples") ?? 8);
  if (!Number.isInteger(samples) || samples < 5 || samples > 10) {
    throw new Refusal("input.invalid", "--samples takes 5 to 10.", { got: given.text("samples") });
  }
  return { run, mode, samples, workspace: given.text("workspace") };
}

function preferenceArgs(given: Given) {
  const forget = given.text("forget");
  const [key, value] = forget === undefined ? (Object.entries(given.sets)[0] ?? []) : [forget, ""];
  if (key !== undefined && !(preferenceKeys as readonly string[]).includes(key)) {
    throw new Refusal("osmo.bad-preference", `${key} is no preference.`, { keys: preferenceKeys });
  }
  return { key: key as PreferenceKey | undefined, value };
}

/** Looks until the workflow ends. The watcher only reads, so stopping it stops nothing else. */
async function watch(run: string | undefined, given: Given, io: CliIo): Promise<number> {
  const deps = systemDeps(io);
  const every = given.text("every");
  if (every !== undefined && !(Number(every) >= 1))
    throw new Refusal("input.invalid", "--every takes seconds.", { got: every });
  const every_sec = every === undefined ? undefined : Number(every);
  if (given.flag("detach")) {
    return tell(io, given.flag("json"), await startWatcher(deps, mainPath(), run, every_sec));
  }
  const report = await watchWorkflow(askingCall(deps), run, {
    every_sec,
    sleep: (seconds) => sleep(seconds * 1000),
    onChange: (line) =>
      given.flag("json") ? printJson(io, line) : print(io.stdout, `${line.at} ${line.status_line}\n`),
  });
  return report.status === "COMPLETED" ? exitOk : exitDefect;
}

function tell(io: CliIo, json: boolean, report: object): number {
  if (json) printJson(io, report);
  else {
    const told = Object.entries(report).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
    print(io.stdout, `${told.map(lineOf).join("\n")}\n`);
  }
  return exitOk;
}

function lineOf([key, value]: [string, unknown]): string {
  if (key === "status_line") return String(value);
  if (!Array.isArray(value)) return `${key}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`;
  return [
    `${key}:`,
    ...value.map((item) => `  ${typeof item === "object" ? JSON.stringify(item) : String(item)}`),
  ].join("\n");
}
