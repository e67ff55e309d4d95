import { describeContract } from "../kpi/metric-contract.ts";
import type { Plan } from "../run/state.ts";
import { rangeText, totalRange } from "./estimate.ts";
import { gpuHoursText } from "./gpu-hours.ts";
import { labelText } from "./label-counts.ts";
import { planUri } from "./plan-uri.ts";
import type { Resolution } from "./resolution.ts";
import { remoteTrainingText } from "./summary.ts";

const mostLines = 12;
const mostSigns = 160;

/**
 * What a human is asked to approve, as plain text of at most twelve lines: clients show a question as one paragraph and
 * collapse Markdown tables. The whole plan lies at `planUri`.
 */
export function planBrief(resolution: Resolution & { readonly plan: Plan }): string {
  const { plan, live, changed, checks, warnings } = resolution;
  const value = (name: string) => plan.parameters[name]?.value;
  const training = remoteTrainingText(plan);
  const hours = gpuHoursText(plan, resolution.estimate);
  const fixes = checks.filter(({ outcome }) => outcome === "fixable").map(({ title }) => title);
  const lines = [
    live === undefined
      ? `Run the DEFT AOI loop on ${plan.platform}?`
      : `Go on with ${live.run_id}, changed: ${changed.join(", ") || "inputs"}?`,
    `Target: ${describeContract(plan.metric_contract)}; it is not guaranteed`,
    `Iterations: at most ${value("max_iterations")} after the baseline, ${value("num_epochs")} epochs each`,
    `Expected time: ${timeText(resolution)}`,
    ...settingsLines(plan),
    ...(training === undefined ? [] : [`Training: ${training}`]),
    ...(hours === undefined ? [] : [`GPU hours: ${hours}`]),
    ...dataLines(plan),
    `Workspace: ${plan.workspace}`,
    ...(plan.adopts === undefined ? [] : ["Takes over a run or checkpoint of another program as its baseline"]),
    ...(fixes.length === 0 ? [] : [`Done first: ${fixes.join(", ")}`]),
  ].map(oneShortLine);
  const last = `Full plan: ${planUri(plan.plan_id)} or deft-mcp approve ${plan.plan_id}`;
  const room = mostLines - 1 - lines.length;
  const shown = warnings.length > room ? warnings.slice(0, room - 1) : warnings;
  const more = shown.length < warnings.length ? [`and ${warnings.length - shown.length} more warnings`] : [];
  return [...lines, ...shown.map((text) => oneShortLine(`Warning: ${text}`)), ...more, last].join("\n");
}

function timeText({ estimate, plan }: Resolution): string {
  const iterations = plan?.parameters.max_iterations?.value;
  if (estimate === undefined || typeof iterations !== "number") return "unknown";
  return `${rangeText(totalRange(estimate, iterations))}, ${estimate.basis}`;
}

function dataLines({ inputs, parameters }: Plan): string[] {
  const rows = (name: string) => inputs[name]?.rows ?? "?";
  const labels = labelText((inputs.kpi_csv?.labels ?? {}) as Record<string, number>);
  const generated = Number(parameters.num_sdg?.value ?? 0);
  const pool = inputs.mining_pool?.path === undefined ? "no mining pool" : `mining pool ${rows("mining_pool")}`;
  return [
    `Rows: training ${rows("training_csv")}, validation ${rows("validation_csv")}, ${pool}, ${generated} images generated an iteration`,
    `KPI set: ${rows("kpi_csv")} rows, ${labels}`,
  ];
}

function settingsLines({ platform, platform_settings = {} }: Plan): string[] {
  const texts = Object.entries(platform_settings).map(([key, { value }]) => `${key}=${value}`);
  return texts.length === 0 ? [] : [`Settings of ${platform}: ${texts.join(", ")}`];
}

function oneShortLine(text: string): string {
  const flat = text.replaceAll(/\s+/g, " ");
  return flat.length <= mostSigns ? flat : `${flat.slice(0, mostSigns - 1)}…`;
}
