import ejs from "ejs";
import { describeContract } from "../kpi/metric-contract.ts";
import * as format from "./format.ts";
import { attributeText, dataText, escapeHtml } from "./markup.ts";
import type { ReportModel } from "./model.ts";
import { valueText } from "./outcome.ts";
import type { Templates } from "./templates.ts";

/** The page of a model: one self-contained HTML text. Pure: the same model gives the same bytes. */
export function renderPage(model: ReportModel, templates: Templates): string {
  const include = (name: string, local: object = {}): string => {
    const text = templates[`${name}.ejs`];
    if (text === undefined) throw new Error(`no report template ${name}.ejs`);
    return ejs.render(text, { ...local, ...helpers, model, include }, options);
  };
  const style = templates["style.css"] ?? "";
  return include("page", { style });
}

const options = { escape: (value?: unknown) => escapeHtml(String(value ?? "")), _with: true } as const;

const ways: Readonly<Record<string, string>> = {
  elicited: "asked by the server and accepted in the client",
  console: "given by a person at the terminal",
  relayed: "relayed by the agent in the person's own words",
  preauthorised: "given in advance by the operator who started the server",
};

const integritySentences = {
  intact: "The digest chain of state and log holds.",
  tampered: "The digest chain does not hold: the run was edited behind the server's back.",
  unknown: "Not checked.",
} as const;

const wording = {
  how: (way: unknown) => ways[String(way)] ?? String(way),
  integritySentence: (status: ReportModel["integrity"]["status"]) => integritySentences[status],
};

const helpers = { ...wording, ...format, describeContract, valueText, data: dataText, attribute: attributeText };
