import type { Toolset } from "../../tools/define.ts";
import { flowIds } from "../osmo/flow.ts";
import { boards, usecases } from "../osmo/usecases.ts";
import type { Deps } from "../ports/call.ts";
import { findRuns } from "../preflight/unfinished.ts";
import { resolveWorkspace } from "../preflight/workspace.ts";
import { platforms } from "../run/labels.ts";
import { NotOffered } from "./not-offered.ts";
import { listTopics } from "./reference-topics.ts";

type Argument = { readonly name: string; readonly description: string; readonly values: readonly string[] };

type Prompt = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly toolset: Toolset;
  readonly arguments: readonly Argument[];
  text(given: Given): string;
};

const prompts: readonly Prompt[] = [
  {
    name: "run-deft-loop",
    title: "Run the DEFT AOI loop",
    description: "Plan, approve and run the improvement loop to its end",
    toolset: "deft",
    arguments: [
      {
        name: "kpi_target",
        description: "target",
        values: ["FAR < 0.1% at recall=100%", "FAR < 0.5% at recall=99%", "FAR < 1% at recall=99%"],
      },
      { name: "max_iterations", description: "limit", values: ["1", "2", "3", "5", "10"] },
      { name: "platform", description: "where the jobs run", values: platforms },
      { name: "workspace", description: "workspace directory", values: [] },
    ],
    text: (given) =>
      `Run the DEFT AOI loop${phrase(" in ", given.workspace)}${phrase(" until ", given.kpi_target)}${phrase(", at most ", given.max_iterations, " iterations")}${phrase(", on platform ", given.platform)}. Call preflight, show me its summary or its question, get my approval through approve_plan, then call run_stage until its next action is finish_loop, passing on each status line, and finish with finish_loop.`,
  },
  {
    name: "generate-defect-images",
    title: "Generate defect images on OSMO",
    description: "Plan and submit a defect-image-generation flow",
    toolset: "osmo",
    arguments: [
      { name: "request", description: "what you want, in your words", values: [] },
      { name: "flow", description: "flow, if you know it", values: flowIds },
      { name: "usecase", description: "use case", values: Object.keys(usecases) },
      { name: "board", description: "board", values: Object.keys(boards) },
    ],
    text: (given) =>
      `${given.request ?? "Generate defect images"}${phrase(", flow ", given.flow)}${phrase(", use case ", given.usecase)}${phrase(", board ", given.board)}. Call submit_osmo with what I said and put its questions to me; after my yes submit, then watch with osmo_status at the times it names and show me the preview of osmo_outputs.`,
  },
];

/** The prompts of these toolsets, for people who start from a slash command. */
export function listPrompts(toolsets: readonly Toolset[]) {
  return prompts
    .filter((prompt) => toolsets.includes(prompt.toolset))
    .map(({ name, title, description, arguments: args }) => ({
      name,
      title,
      description,
      arguments: args.map((argument) => ({ name: argument.name, description: argument.description, required: false })),
    }));
}

/** A prompt with its arguments filled in. @throws NotOffered for a name that is none. */
export function promptOf(name: string, given: Given, toolsets: readonly Toolset[]) {
  const prompt = named(name, toolsets);
  const content = { type: "text" as const, text: prompt.text(given) };
  return { description: prompt.description, messages: [{ role: "user" as const, content }] };
}

type Given = Readonly<Record<string, string | undefined>>;
type Reference =
  | { readonly type: "ref/prompt"; readonly name: string }
  | { readonly type: "ref/resource"; readonly uri: string };

/** At most a hundred values that what was typed is part of. @throws NotOffered for a prompt that is none. */
export async function completionsOf(
  ref: Reference,
  argument: { readonly name: string; readonly value: string },
  toolsets: readonly Toolset[],
  deps: Deps,
) {
  const known =
    ref.type === "ref/prompt"
      ? (named(ref.name, toolsets).arguments.find((one) => one.name === argument.name)?.values ?? [])
      : await resourceValues(argument.name, deps);
  const typed = argument.value.toLowerCase();
  const matching = known.filter((value) => value.toLowerCase().includes(typed));
  return { completion: { values: matching.slice(0, 100), total: matching.length, hasMore: matching.length > 100 } };
}

function named(name: string, toolsets: readonly Toolset[]): Prompt {
  const prompt = prompts.find((one) => one.name === name && toolsets.includes(one.toolset));
  if (prompt === undefined) throw new NotOffered(`Unknown prompt: ${name}`);
  return prompt;
}

async function resourceValues(variable: string, deps: Deps): Promise<readonly string[]> {
  if (variable === "topic") return (await listTopics()).map((one) => one.topic);
  if (variable !== "id") return [];
  const { workspace } = await resolveWorkspace(undefined, deps);
  return (await findRuns(workspace, deps.env)).map((run) => run.run_id);
}

function phrase(before: string, value: string | undefined, after = ""): string {
  return value === undefined || value === "" ? "" : `${before}${value}${after}`;
}
