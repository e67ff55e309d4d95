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
import type { Given } from "./declarations.ts";
import { mainPath, systemDeps } from "./deps.ts";
import { type Answer, exitDefect, exitOk, group } from "./frame.ts";
import { type CliIo, print, printJson } from "./io.ts";
import { askingCall } from "./osmo-human.ts";

const callOf = (io: CliIo) => askingCall(systemDeps(io));

/** `deft-mcp osmo ...`: the OSMO tools for people, and the watcher that outlives a client. */
export const run = group("osmo", {
  flows: async () => ({ value: { flows: flowRows() }, text: flowRows().map(flowLine).join("") }),
  plan: async (given, io) => reportOf(dryRunReport(await planOnly(callOf(io), submitArgs(given)))),
  spec: async (given, io) => {
    const { spec = "" } = await planOnly(callOf(io), submitArgs(given));
    return { value: { spec }, text: `${spec}\n` };
  },
  submit: async (given, io) => {
    const call = callOf(io);
    return reportOf(submitReport(call, await submitFlow(call, submitArgs(given))));
  },
  status: async ({ positionals: [named], options: { task, events } }, io) =>
    reportOf(await statusWithWatcher(callOf(io), { run: named, task, events })),
  watch,
  cancel: async ({ positionals: [named], options: { reason } }, io) =>
    reportOf(await cancelWorkflow(callOf(io), { run: named, reason })),
  outputs: async ({ positionals: [named], options: { mode, samples, workspace } }, io) =>
    reportOf(await fetchOutputs(callOf(io), { run: named, mode, samples, workspace })),
  preferences: async ({ options }, io) => reportOf(await editPreferences(callOf(io), preferenceArgs(options))),
});

function flowRows() {
  return Object.values(flows).map(({ id, title, usecases }) => ({ id, title, usecases }));
}

function flowLine({ id, title, usecases }: ReturnType<typeof flowRows>[number]): string {
  return `${id}${usecases.length === 0 ? "" : ` (${usecases.join(", ")})`}: ${title}\n`;
}

function submitArgs({
  positionals: [flow],
  options,
}: Pick<Given<"osmo submit">, "positionals" | "options">): SubmitArgs {
  if (!isFlowId(flow)) throw new Refusal("input.invalid", `There is no flow ${quoted(flow)}.`, { flows: flowIds });
  const { usecase, board, pool, workspace, set: knobs } = options;
  return {
    ...{ flow, usecase, board, pool, workspace, knobs },
    pair_with: options["pair-with"],
    flows_dir: options["flows-dir"],
    no_probe: options["no-probe"],
  };
}

function preferenceArgs({ set, forget }: Given<"osmo preferences">["options"]) {
  const [key, value] = forget === undefined ? (Object.entries(set)[0] ?? []) : [forget, ""];
  if (key !== undefined && !(preferenceKeys as readonly string[]).includes(key)) {
    throw new Refusal("osmo.bad-preference", `${key} is no preference.`, { keys: preferenceKeys });
  }
  return { key: key as PreferenceKey | undefined, value };
}

/** Looks until the workflow ends. The watcher only reads, so stopping it stops nothing else. */
async function watch({ positionals: [named], options }: Given<"osmo watch">, io: CliIo): Promise<Answer | number> {
  const deps = systemDeps(io);
  if (options.detach) return reportOf(await startWatcher(deps, mainPath(), named, options.every));
  const report = await watchWorkflow(askingCall(deps), named, {
    every_sec: options.every,
    sleep: (seconds) => sleep(seconds * 1000),
    onChange: (line) => (options.json ? printJson(io, line) : print(io.stdout, `${line.at} ${line.status_line}\n`)),
  });
  return report.status === "COMPLETED" ? exitOk : exitDefect;
}

function reportOf(report: object): Answer {
  const told = Object.entries(report).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
  return { value: report, text: `${told.map(lineOf).join("\n")}\n` };
}

function lineOf([key, value]: [string, unknown]): string {
  if (key === "status_line") return String(value);
  if (!Array.isArray(value)) return `${key}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`;
  return [
    `${key}:`,
    ...value.map((item) => `  ${typeof item === "object" ? JSON.stringify(item) : String(item)}`),
  ].join("\n");
}
