import { describeContract } from "../kpi/metric-contract.ts";
import { weakSamplesPerRow } from "../kpi/mining-rule.ts";
import { remoteTrainingLimitSec } from "../ports/executor.ts";
import { counted } from "../run/counted.ts";
import type { MiningRule } from "../run/labels.ts";
import type { Plan } from "../run/state.ts";
import { minutesText, rangeText, totalRange } from "./estimate.ts";
import { gpuHoursText } from "./gpu-hours.ts";
import { labelText, typesText } from "./label-counts.ts";
import type { Resolution } from "./resolution.ts";

/** The allow rules that let our tools run without a prompt: as a plain server and as a plugin. */
const allowRules = ["mcp__deft__*", "mcp__plugin_deft_deft__*"] as const;

type Row = readonly [string, string, string?];
type Unsummed = Omit<Resolution, "summary_markdown">;

/**
 * The Markdown that a human reads and approves: every setting with its source, the data with its counts, what the
 * stop condition does not promise, what is still wrong, and how to let it run unattended.
 */
export function renderSummary(resolution: Unsummed): string {
  const { plan } = resolution;
  const title = plan === undefined ? "# DEFT AOI plan (not complete)" : `# DEFT AOI plan ${plan.plan_id}`;
  const parts = [
    title,
    ...(resolution.live === undefined ? [] : [liveText(resolution)]),
    ...findings(resolution),
    ...(plan === undefined ? [] : planSections(resolution, plan)),
    ...(resolution.question === undefined ? [] : [`## Missing\n\n${resolution.question.text}`]),
    ...(plan === undefined ? [] : [ending(plan)]),
  ];
  return `${parts.join("\n\n")}\n`;
}

function planSections(resolution: Unsummed, plan: Plan): string[] {
  return [
    `## Run\n\n${table(["Setting", "Value", "Source"], runRows(resolution, plan))}`,
    `## Data\n\n${table(["Input", "Content", "Path"], dataRows(plan))}`,
    `## Augmentation\n\n${table(["Part", "Content", "Path"], augmentationRows(plan))}`,
    ...(plan.adopts === undefined ? [] : [`## Adopted\n\n${adoptedText(plan)}`]),
  ];
}

const settingNames: readonly (readonly [string, string])[] = [
  ["kpi_target", "KPI target"],
  ["kpi_confidence", "KPI confidence"],
  ["constraints", "Constraints"],
  ["evaluator", "Measured by"],
  ["max_iterations", "Max iterations"],
  ["patience", "Idle iterations in a row that end the loop"],
  ["past_target", "Goes on although the target is met"],
  ["num_epochs", "Training epochs"],
  ["batch_size", "Batch size"],
  ["num_sdg", "Images to generate per iteration (num_SDG)"],
  ["mining", "Mining rule"],
  ["top_k", "Mining top-k per target (rule vendor)"],
  ["rows_per_iteration", "Rows to mine per iteration (rule pool_error)"],
  ["mined_pass_pct", "PASS rows among those mined (%, rule pool_error)"],
  ["mining_metric", "Mining distance"],
  ["min_similarity", "Mining cut-off"],
  ["top_k_per_label", "Weak samples per label"],
  ["min_recall", "Recall of the weak-sample threshold"],
  ["seed", "Seed"],
  ["generator_seed", "Generator seed"],
  ["generator_model_size", "Generator model"],
  ["num_gpus", "GPUs"],
  ["network_mode", "Network mode"],
  ["synthetic_only", "Synthetic-only"],
  ["stage_time_limit_sec", "Time limit per stage (s)"],
];

const rowsText = `never mined before; one row for ${weakSamplesPerRow} weak samples unless the plan names a number, at most an equal share of what is in reach`;
const ruleTexts: Readonly<Record<MiningRule, string>> = {
  vendor: "each weak sample's top-k neighbours, then the cut-off, then what was mined before",
  pool_error: `rows that stand for most weak samples, and for most pool rows that the model gets wrong; ${rowsText}`,
};

function runRows(resolution: Unsummed, plan: Plan): Row[] {
  const settings = settingNames.flatMap(([name, title]): Row[] => {
    const parameter = plan.parameters[name];
    if (parameter === undefined) return [];
    const mark = resolution.changed.includes(name) ? " **(changed)**" : "";
    return [[`${title}${mark}`, valueText(name, parameter.value), parameter.source]];
  });
  return [
    ["Workspace", cell(plan.workspace), resolution.workspace_source],
    ["Platform", cell(`${plan.platform} (${resolution.config?.engine ?? "unknown engine"})`), "user"],
    ...Object.entries(plan.platform_settings ?? {}).map(
      ([key, { value, source }]): Row => [`Setting ${key} of ${plan.platform}`, cell(String(value)), source],
    ),
    ...settings,
    ...remoteTrainingRows(plan),
    ["Target judged by", judgedByText(plan), ""],
    ...(plan.program === undefined ? [] : [["Scored by program", cell(plan.program), "installation"] as const]),
    ["AutoML", "off (this workflow only)", ""],
    ["Stop condition", stopText(plan), ""],
    ["Estimated runtime", estimateText(resolution, plan), ""],
    ...gpuHoursRows(resolution, plan),
  ];
}

function gpuHoursRows({ estimate }: Unsummed, plan: Plan): Row[] {
  const text = gpuHoursText(plan, estimate);
  return text === undefined ? [] : [["GPU hours", cell(text), "estimate"]];
}

function remoteTrainingRows(plan: Plan): Row[] {
  const text = remoteTrainingText(plan);
  return text === undefined ? [] : [["Training", cell(text), "operator"]];
}

/** What training away from the platform may cost at most: a person who approves the plan agrees to it. */
export function remoteTrainingText({ parameters }: Plan): string | undefined {
  const { trains_on, num_gpus, max_iterations, stage_time_limit_sec } = parameters;
  if (trains_on === undefined) return undefined;
  const gpus = Number(num_gpus?.value ?? 0);
  const limit = typeof stage_time_limit_sec?.value === "number" ? stage_time_limit_sec.value : remoteTrainingLimitSec;
  const trainings = Number(max_iterations?.value ?? 0) + 1;
  const hours = Math.ceil((gpus * trainings * limit) / 360) / 10;
  const cost = `${trainings} trainings of at most ${minutesText(limit / 60)} on ${gpus} GPUs: at most ${hours} GPU hours`;
  return `on ${String(trains_on.value)}; ${cost}`;
}

function valueText(name: string, value: unknown): string {
  if (name === "mining") return `${value}: ${ruleTexts[value as MiningRule]}`;
  if (value === null || (name === "num_gpus" && value === 0)) return "none";
  return cell(typeof value === "boolean" ? (value ? "yes" : "no") : String(value));
}

function stopText(plan: Plan): string {
  const goal = cell(describeContract(plan.metric_contract));
  const patience = Number(plan.parameters.patience?.value ?? 0);
  const idle = patience > 0 ? `, or ${counted(patience, "iteration")} in a row changed FAR by no more than chance` : "";
  return `${goal} is met, or iteration ${plan.parameters.max_iterations?.value} is done${idle}, or a gate stops the run. The target is not guaranteed, and FAR may get worse from one iteration to the next; the best one is kept.`;
}

function judgedByText({ metric_contract: { confidence_pct } }: Plan): string {
  if (confidence_pct === undefined) return "the measured figure itself (kpi_confidence=point); its interval is shown";
  return `the upper bound of FAR at ${confidence_pct}% confidence (kpi_confidence)`;
}

function estimateText({ estimate }: Unsummed, plan: Plan): string {
  const iterations = plan.parameters.max_iterations?.value;
  if (estimate === undefined || typeof iterations !== "number") return "unknown";
  const { range, basis } = estimate;
  const total = rangeText(totalRange(estimate, iterations));
  return `${total}: baseline ${rangeText(range.baseline)} + ${iterations} x ${rangeText(range.iteration)} (${basis})`;
}

function dataRows(plan: Plan): Row[] {
  const csvs = ["training_csv", "validation_csv", "kpi_csv", "holdout_csv"].flatMap((name): Row[] => {
    const input = plan.inputs[name];
    return input === undefined ? [] : [[name, countsText(input), pathText(input)]];
  });
  return [
    ["spec", "train spec", pathText(plan.inputs.spec)],
    ...csvs,
    ...containerRows(plan),
    ["images", `${plan.inputs.images?.files} files of ${plan.inputs.images?.rows} rows`, pathText(plan.inputs.images)],
  ];
}

/** The images that the containers are made of, as they resolve, never as a variable. */
function containerRows(plan: Plan): Row[] {
  const { fetch: _absent, ...images } = plan.inputs.containers ?? {};
  const backbone = plan.inputs.backbone;
  const rows = Object.entries(images).map(([key, image]): Row => {
    const { uri, id, digest } = image as { uri: string; id?: string; digest?: string };
    return [`image ${key}`, cell(`${uri}: ${digest ?? id?.slice(0, 19) ?? "MISSING, pulled after approval"}`), ""];
  });
  if (backbone === undefined) return rows;
  return [
    ...rows,
    ["backbone", backbone.fetch === undefined ? "staged" : "fetched after approval", pathText(backbone)],
  ];
}

function augmentationRows(plan: Plan): Row[] {
  const { mining_pool: pool, embeddings, generator } = plan.inputs;
  const types = generator?.defect_types;
  return [
    ["Mining pool", pool?.path === undefined ? "none (synthetic-only)" : countsText(pool), pathText(pool)],
    ...(embeddings === undefined
      ? []
      : [["Embeddings", "yours, instead of an encoder's", pathText(embeddings)] as const]),
    [
      "Generator",
      Array.isArray(types) ? cell(`${generator?.project}: ${typesText(types.map(String))}`) : intentText(generator),
      pathText(generator),
    ],
  ];
}

function intentText(input: Plan["inputs"][string] | undefined): string {
  const intent = input?.fetch;
  return Array.isArray(intent) ? `to be fetched after approval: ${intent.join(", ")}` : "none (num_sdg is 0)";
}

function countsText(input: Plan["inputs"][string] | undefined): string {
  const labels = (input?.labels ?? {}) as Record<string, number>;
  const copied = input?.relabelled === undefined ? "" : ` (copy in the run, ${input.relabelled} labels spelled right)`;
  return cell(`${input?.rows} rows: ${labelText(labels)}${copied}`);
}

function pathText(input: Plan["inputs"][string] | undefined): string {
  return typeof input?.path === "string" ? `\`${cell(input.path)}\`` : "";
}

function adoptedText(plan: Plan): string {
  const { kind, run_dir, checkpoint, stages } = plan.adopts ?? {};
  const what = typeof run_dir === "string" ? run_dir : String(checkpoint);
  const listed =
    stages === undefined
      ? ""
      : ` (${Object.entries(Object(stages))
          .map(([label, stage]) => `${label} up to ${stage}`)
          .join(", ")})`;
  return `${kind === "own" ? "Taken over from an earlier run of this server" : "Taken over from another program, not produced under this server's eyes"}: ${String(kind)} \`${cell(what)}\`${cell(listed)}. ${Object.keys(Object(plan.adopts?.checkpoints)).join() || "That"} checkpoint becomes this run's baseline${plan.adopts?.training_rows === undefined ? "" : ", and the rows that it was trained on carry on"}.`;
}

function liveText({ live, changed, plan }: Unsummed): string {
  if (live === undefined) return "";
  const same = plan !== undefined && plan.plan_id === live.plan.plan_id;
  const verdict = same
    ? "The plan is unchanged, so its approval holds."
    : `The plan changes (${changed.join(", ") || "inputs"}) and needs a new approval.`;
  const entries = live.last_entries.map(
    (entry) => `- ${entry.seq} ${entry.iter} ${entry.stage} ${entry.status}: ${cell(entry.summary)}`,
  );
  return [`## Live run ${live.run_id}`, verdict, ...(entries.length === 0 ? [] : [entries.join("\n")])].join("\n\n");
}

function findings({ checks, warnings }: Unsummed): string[] {
  const halts = checks.filter((check) => check.outcome === "halt");
  const fixes = checks.filter((check) => check.outcome === "fixable");
  const line = (check: Resolution["checks"][number]) =>
    `- **${check.title}**: ${cell(check.detail)}${check.fix === undefined ? "" : ` -> ${cell(check.fix)}`}`;
  return [
    ...(halts.length === 0 ? [] : [`## Stops the plan\n\n${halts.map(line).join("\n")}`]),
    ...(fixes.length === 0 ? [] : [`## Done first, after approval\n\n${fixes.map(line).join("\n")}`]),
    ...(warnings.length === 0 ? [] : [`## Warnings\n\n${warnings.map((text) => `- ${cell(text)}`).join("\n")}`]),
  ];
}

function ending(plan: Plan): string {
  return `## Approval

Approve plan \`${plan.plan_id}\` once; then the loop runs without further questions. To let it run unattended, switch the client to auto-accept mode, or allow our tools: \`"permissions": {"allow": ["${allowRules[0]}"]}\` (as a plugin: \`"${allowRules[1]}"\`). At a terminal: \`deft-mcp approve ${plan.plan_id}\`.`;
}

function table(header: readonly string[], rows: readonly Row[]): string {
  const lines = rows.map((row) => `| ${header.map((_, at) => row[at] ?? "").join(" | ")} |`);
  return [`| ${header.join(" | ")} |`, `|${header.map(() => "---|").join("")}`, ...lines].join("\n");
}

/** Text from data inside Markdown: one line, no table cell or HTML of its own, cut to a bearable length. */
function cell(text: string): string {
  const flat = text
    .replaceAll(/[\r\n\t\0]+/g, " ")
    .replaceAll(/[|`]/g, (sign) => `\\${sign}`)
    .replaceAll(/<(?=[a-z/!?])/gi, "&lt;");
  return flat.length <= 400 ? flat : `${flat.slice(0, 399)}…`;
}
