import { setTimeout as sleep } from "node:timers/promises";
import { type LoopStatus, loopStatus } from "../loop/status.ts";
import { metricPhrase } from "../loop/status-line.ts";
import { describeAction } from "../loop/transitions.ts";
import { summaryShown } from "../run/figures.ts";
import { oneLine } from "../run/visible.ts";
import { systemDeps } from "./deps.ts";
import { barText, drawnInPlace } from "./display.ts";
import { command, exitOk } from "./frame.ts";
import { type CliIo, nearPaths, print } from "./io.ts";
import { runNearby } from "./nearby.ts";

const EVENTS_SHOWN = 5;
const LOOK_EVERY_MS = 1000;

/** `deft-mcp status [RUN]`: reads a run and says where it stands; changes nothing. */
export const run = command("status", async ({ positionals: [named], options }, io) => {
  const deps = systemDeps(io);
  const runDir = await runNearby(named, options.workspace, deps);
  const look = () => loopStatus(runDir, deps);
  if (options.serve) {
    const { serveStatus } = await import("./status-serve.ts");
    return await serveStatus(runDir, io, { ...deps, running: async () => (await look()).running });
  }
  if (options.watch) return await watch(look, io, options.json);
  const status = await look();
  return { value: statusJson(status), text: statusText(status) };
});

/** Prints what is new at every look until nothing more can happen; on a terminal the picture is drawn in place. */
async function watch(look: () => Promise<LoopStatus>, io: CliIo, json: boolean): Promise<number> {
  const show = !json && io.isTty ? drawnInPlace(io.stdout) : (text: string) => print(io.stdout, text);
  for (let before = ""; ; ) {
    const status = await look();
    const now = json ? `${JSON.stringify(statusJson(status))}\n` : nearPaths(statusText(status), io.cwd);
    if (now !== before) show(now);
    before = now;
    if (status.next.action === "none" || status.next.action === "acknowledge_or_finish") return exitOk;
    await sleep(LOOK_EVERY_MS);
  }
}

function statusText({ run, next, running, report, reportPath }: LoopStatus): string {
  const { state, entries, integrity } = run;
  const { hard_stop: stop } = state;
  const lines = [
    `Run        ${run.runDir}`,
    `Status     ${state.status}, iteration ${state.current_iteration} of ${state.max_iterations}, ${state.config.platform} (${state.config.engine})`,
    `Metric     ${metricPhrase(state)}`,
    ...(running === undefined ? [] : [`Running    ${oneLine(runningText(running))}`]),
    ...(stop === undefined ? [] : [`Hard stop  ${stop.code}: ${oneLine(stop.message)}`]),
    ...(integrity.ok ? [] : [`Integrity  ${integrity.what}`]),
    `Next       ${describeAction(next)}`,
    `Report     ${report === "absent" ? "none yet" : `${reportPath} (${report})`}`,
  ];
  const events = entries.slice(-EVENTS_SHOWN).map(({ seq, iter, stage, status, summary }) => {
    return `  ${String(seq).padStart(3)}  ${iter.padEnd(8)}  ${stage.padEnd(11)}  ${status.padEnd(5)}  ${oneLine(summaryShown(summary, run.runDir))}`;
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
