import { dirname } from "node:path";
import ejs from "ejs";
import { describeContract } from "../kpi/metric-contract.ts";
import { defined } from "../run/defined.ts";
import { figuresShown } from "../run/figures.ts";
import { certaintyView, intervalsOf } from "./certainty.ts";
import { distributionChart } from "./charts/distribution.ts";
import { growthChart } from "./charts/growth.ts";
import { progressChart } from "./charts/progress.ts";
import { stageClass, timelineChart } from "./charts/timeline.ts";
import { tradeoffChart } from "./charts/tradeoff.ts";
import * as format from "./format.ts";
import { galleryData, sheetData } from "./gallery-data.ts";
import { attributeText, dataText, escapeHtml } from "./markup.ts";
import type { ReportModel } from "./model.ts";
import { valueText } from "./outcome.ts";
import type { Templates } from "./templates.ts";
import { passesOf, timelineOf } from "./timeline.ts";

/** How a page is shown: a file that may load nothing at all, or a page that follows a run on this machine. */
export type PageKind = "file" | "live";

/** The page of a model: one self-contained HTML text. Pure: the same model gives the same bytes. */
export function renderPage(model: ReportModel, templates: Templates, kind: PageKind = "file"): string {
  const near = (value: unknown) => fromWorkspace(value, model.run_dir);
  const shared = { ...helpers, near, model, ...prepared(model) };
  const include = (name: string, local: object = {}): string =>
    ejs.render(text(templates, `${name}.ejs`), { ...shared, ...local, include }, options);
  const scripts = [
    "behaviour.js",
    "difference.js",
    "cards.js",
    "gallery.js",
    "sheet.js",
    ...(kind === "live" ? ["live.js"] : []),
  ];
  const joined = (names: readonly string[]) => names.map((name) => text(templates, name)).join("");
  const style = joined(["style.css", "gallery.css"]);
  return include("page", { style, script: joined(scripts), policy: policies[kind] });
}

const options = { escape: (value?: unknown) => escapeHtml(String(value ?? "")) };

const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
const policies: Readonly<Record<PageKind, string>> = { file: policy, live: `${policy}; connect-src 'self'` };

/** Charts and tables that are computed from the model before the templates lay them out. */
function prepared(model: ReportModel) {
  const { contract } = model;
  const other = contract !== undefined && contract.name !== "far_pct";
  const goal = { name: other ? contract.display_name : "FAR", unit: other ? contract.unit : "%", other };
  const points = model.iterations.map(({ label, metric, far_pct }) => ({
    label,
    ...defined({ value: other ? metric?.value : far_pct }),
  }));
  const timeline = timelineOf(model.events);
  const charts = {
    progress: points.length === 0 ? "" : progressChart(points, { ...goal, ...defined({ contract }) }, model.best),
    distributions: model.kpi.map((view, at) => distributionChart(view, at)),
    tradeoffs: model.kpi.map((view, at) => (view.curve.length === 0 ? "" : tradeoffChart(view, contract, at))),
    growth: model.growth.some((row) => row.total !== undefined) ? growthChart(model.growth) : "",
    timeline: timeline.rows.length === 0 ? "" : timelineChart(timeline.rows),
  };
  const passes = passesOf(timeline.rows, model.estimate);
  return { goal, timeline, passes, charts, certainty: certaintyView(model.kpi[0], contract) };
}

function text(templates: Templates, name: string): string {
  const found = templates[name];
  if (found === undefined) throw new Error(`no report template ${name}`);
  return found;
}

/** Paths below the run's workspace without their long beginning, wherever they stand in a text. */
function fromWorkspace(value: unknown, runDir: string): unknown {
  if (typeof value !== "string") return value;
  return value.replaceAll(`${runDir}/`, "").replaceAll(`${dirname(dirname(runDir))}/`, "");
}

const reasons: Readonly<Record<string, string>> = {
  metric_met: "the target was met",
  max_iterations: "the iteration limit was reached",
  no_gain: "the last iterations changed FAR by no more than chance",
};

const ways: Readonly<Record<string, string>> = {
  signed: "signed with a key of an allowed approver",
  elicited: "asked by the server and accepted in the client",
  console: "given by a person at the terminal",
  relayed: "relayed by the agent in the person's own words",
  preauthorised: "given in advance by the operator who started the server",
};

const integritySentences = {
  intact: "The digest chain of state and log holds.",
  tampered: "The digest chain does not hold: the run was edited behind the server's back.",
  unknown: "Not known: the run carries no digest chain, because another program wrote it.",
} as const;

const helpers = {
  /** Rows of events that a page has at most; each costs it some 300 bytes. */
  eventsShown: 2000,
  figuresShown,
  ...format,
  describeContract,
  intervalsOf,
  galleryData,
  sheetData,
  stageClass,
  valueText,
  data: dataText,
  attribute: attributeText,
  stopped: (reason: string) => reasons[reason] ?? reason,
  person: ({ name, subject, issuer }: { name?: string; subject?: string; issuer?: string }) =>
    `${name ?? subject} (${name === undefined ? "" : `${subject} `}at ${issuer})`,
  how: (way: unknown) => ways[String(way)] ?? String(way),
  integritySentence: (status: ReportModel["integrity"]["status"]) => integritySentences[status],
  /** JSON inside a script element: no sign that could end it. */
  json: (value: unknown) => JSON.stringify(value).replaceAll("<", "\\u003c"),
};
