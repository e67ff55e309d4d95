import { setTimeout as sleep } from "node:timers/promises";
import { type LoopStatus, loopStatus } from "../loop/status.ts";
import { metricPhrase } from "../loop/status-line.ts";
import { describeAction } from "../loop/transitions.ts";
import { resolveRun } from "../loop/which-run.ts";
import { oneLine } from "../run/visible.ts";
import { parseArguments } from "./arguments.ts";
import { systemDeps } from "./deps.ts";
import { barText, drawnInPlace } from "./display.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";

const usage = `usage: deft-mcp status [RUN] [--workspace DIR] [--watch | --serve] [--json]

Where a run stands, from its files alone. RUN is a run id or directory; without it the only unfinished run is meant,
else the newest. --watch goes on until the run is closed; --serve shows the live report on a page of this machine. Stopping either
stops nothing else.
`;

const EVENTS_SHOWN = 5;
const LOOK_EVERY_MS = 1000;

/** `deft-mcp status [RUN]`: reads a run and says where it stands; changes nothing. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  const json = argv.includes("--json");
  return await reportRefusal(io, json, async () => {
    const flag = { type: "boolean" } as const;
    const options = { workspace: { type: "string" }, watch: flag, serve: flag, json: flag } as const;
    const given = parseArguments(argv, options, ["[RUN]"]);
    const deps = systemDeps(io);
    const choice = { run: given.positionals[0], workspace: given.text("workspace") };
    const runDir = await resolveRun(choice, deps, { orLatest: true });
    const look = () => loopStatus(runDir, deps);
    if (given.flag("serve")) {
      const { serveStatus } = await import("./status-serve.ts");
      return await serveStatus(runDir, io, { ...deps, running: async () => (await look()).running });
    }
    if (given.flag("watch")) return await watch(look, io, json);
    const status = await look();
    if (json) printJson(io, statusJson(status));
    else print(io.stdout, statusText(status));
    return exitOk;
  });
}

/** Prints what is new at every look until nothing more can happen; on a terminal the picture is drawn in place. */
async function watch(look: () => Promise<LoopStatus>, io: CliIo, json: boolean): Promise<number> {
  const show = !json && io.isTty ? drawnInPlace(io.stdout) : (text: string) => void print(io.stdout, text);
  for (let before = ""; ; ) {
    const status = await look();
    const now = json ? `${JSON.stringify(statusJson(status))}\n` : statusText(status);
    if (now !== before) show(now);
    before = now;
    if (status.next.action === "none" || status.next.action === "acknowledge_or_finish") return exitOk;
    await sleep(LOOK_EVERY_MS);
  }
}

function statusText({ run, next, running, report, reportPath }: LoopStatus): string {
  const { state, entries, integrity } = run;
  const lines = [
    `Run        ${run.runDir}`,
    `Status     ${state.status}, iteration ${state.current_iteration} of ${state.max_iterations}, ${state.config.platform} (${state.config.engine})`,
    `Metric     ${metricPhrase(state)}`,
    ...(running === undefined ? [] : [`Running    ${oneLine(runningText(running))}`]),
    ...(state.hard_stop === undefined
      ? []
      : [`Hard stop  ${state.hard_stop.code}: ${oneLine(state.hard_stop.message)}`]),
    ...(integrity.ok ? [] : [`Integrity  ${integrity.what}`]),
    `Next       ${describeAction(next)}`,
    `Report     ${report === "absent" ? "none yet" : `${reportPath} (${report})`}`,
  ];
  const events = entries.slice(-EVENTS_SHOWN).map(({ seq, iter, stage, status, summary }) => {
    return `  ${String(seq).padStart(3)}  ${iter.padEnd(8)}  ${stage.padEnd(11)}  ${status.padEnd(5)}  ${oneLine(summary)}`;
  });
  return `${[...lines, ...(events.length > 0 ? ["", "Last events", ...events] : [])].join("\n")}\n`;
}

function runningText({ message, fraction }: NonNullable<LoopStatus["running"]>): string {
  return fraction === undefined ? message : `${barText(fraction)} ${message}`;
}

function statusJson({ run, next, running, report, reportPath }: LoopStatus) {
  const { state, entries, integrity } = run;
  return {
    run_dir: run.runDir,
    status: state.status,
    platform: state.config.platform,
    engine: state.config.engine,
    current_iteration: state.current_iteration,
    max_iterations: state.max_iterations,
    metric: metricPhrase(state),
    next: { ...next, text: describeAction(next) },
    running: running ?? null,
    hard_stop: state.hard_stop ?? null,
    integrity: integrity.ok ? "intact" : integrity.what,
    report: report === "absent" ? null : { path: reportPath, age: report },
    last_events: entries.slice(-EVENTS_SHOWN),
    notes: run.notes,
  };
}
