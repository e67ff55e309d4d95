import { platforms } from "../run/labels.ts";
import { choice, type Declaration, flag, number, pairs, path, paths, text, type ValueOf } from "./options.ts";

const workspace = text("DIR", "the workspace; else DEFT_WORKSPACE, else the only one in or above this directory");
const whole = (min: number, max: number) => ({ min, max, whole: true });
const seed = number("N", "seed of generated boards", { bounds: whole(0, 2_147_483_647), fallback: 1 });
const share = { min: 0, max: 1 };
const platform = choice(platforms, "where stages run", { fallback: "embedded" });
const planned = {
  usecase: text("U", "use case of the flow"),
  set: pairs("a knob of the flow; may be repeated"),
  board: text("B", "board, for flows that take one"),
  pool: text("P", "OSMO pool"),
  "pair-with": text("NAME", "good-image run to pair with"),
  "flows-dir": text("DIR", "workflow files of the vendor's own"),
  "no-probe": flag("leave out the check of the image-edit endpoint"),
  workspace,
};

/** Every command for people; parsing, help and the README's list are made of it. The order is that of `help`. */
export const declarations = {
  serve: {
    interactive: true,
    summary: "serve MCP on stdin and stdout (what an MCP client starts; the name may be left out)",
    about: `With --http it is served over Streamable HTTP at /mcp, for several clients. HOST is 127.0.0.1 unless given; any other
needs a token. Ending the server ends no job.`,
    options: {
      toolsets: text("deft,osmo", "what to offer; else DEFT_TOOLSETS"),
      http: text("[HOST:]PORT", "serve over HTTP"),
      "token-file": path("FILE", "what every request must carry; goes with --http"),
      record: path("DIR", "write a trace, one file a connection, for `replay`; else DEFT_RECORD"),
    },
    examples: ["deft-mcp serve --http 8080"],
  },
  demo: {
    summary: "run a whole loop on generated boards; needs nothing but Node",
    about: `The loop is driven through a real MCP client over stdio. Without --workspace board images are generated into
./deft-demo-workspace, which is kept. A given workspace gets nothing but results/run_*.`,
    options: {
      workspace: text("DIR", "boards of your own"),
      platform,
      "max-iterations": number("N", "after the baseline", { bounds: whole(1, 99), fallback: 2 }),
      kpi: text("TARGET", "when to stop", { fallback: "FAR < 1% at recall=100%" }),
      seed,
    },
    exit: "Exit 0: the loop ended, its target met or not; 1: a hard stop; 2: refused.",
  },
  init: {
    summary: "make a workspace for your own boards",
    about: `Folders, table headers and a spec to fill; with --example a complete workspace with generated board images. Nothing is
ever overwritten.`,
    positionals: ["DIR"],
    options: {
      example: flag("complete, with generated boards"),
      tiny: flag("with --example: as few boards as a loop can run on"),
      seed,
    },
  },
  doctor: {
    summary: "check a workspace",
    about: "Runs the checks of preflight for people. Changes nothing.",
    options: { workspace, platform },
    exit: "Exit 0: nothing would stop a run; 2: something would.",
  },
  validate: {
    summary: "check one ChangeNet CSV: rows, images, labels, leakage",
    about: `Columns, labels, both images of every row, duplicates, and rows that the validation or KPI CSV has too. Shows a count
and the first five places of each problem.`,
    positionals: ["CSV"],
    options: {
      workspace,
      "images-root": path("DIR", "where image paths start; else as the spec of the workspace says"),
      validation: path("CSV", "no row may be in this one too"),
      kpi: path("CSV", "nor in this one"),
    },
    exit: "Exit 0: no problem; 2: problems.",
  },
  approve: {
    interactive: true,
    summary: "approve a plan at this terminal",
    about: "Shows the plan and creates its run once a person types yes.",
    positionals: ["PLAN_ID"],
  },
  status: {
    summary: "where a run stands",
    about: "From the files of the run alone. Stopping it stops nothing else.",
    positionals: ["[RUN]"],
    options: { workspace, watch: flag("go on until the run is closed"), serve: flag("as a live page on this machine") },
  },
  report: {
    summary: "render the report of a run anew",
    about: "Writes DEFT_Loop_Report.html of the run from its files and prints where it is.",
    positionals: ["[RUN]"],
    options: { workspace },
  },
  acknowledge: {
    interactive: true,
    summary: "accept a repaired hard stop at this terminal",
    positionals: ["[RUN]"],
    options: { workspace, accept: flag("go on with things as they are, where that is possible") },
  },
  replay: {
    summary: "does a recorded run still go the same way?",
    about: `Plays a trace (of \`serve --record\` or DEFT_RECORD) against this version: the same calls, the same answers of the
human, jobs from the recording. Needs no GPU, no Docker and no network.`,
    positionals: ["TRACE"],
    options: {
      workspace: path("DIR", "what it was recorded on; a generated one is made anew. Runs of the replay are removed"),
      "allow-new-fields": flag("fields that results gained are no difference"),
      update: flag("rewrite the trace to what happens now, and show what changed"),
      partial: flag("replay a trace whose last server was killed, as far as it goes"),
      live: choice(["embedded"], "run the jobs again and compare what came of them, within tolerances"),
    },
    exit: "Exit 0: it goes the same way; 1: it differs; 2: the trace cannot be used.",
  },
  trace: { summary: "what was recorded", positionals: ["COMMAND"] },
  "trace show": {
    summary: "calls, questions, jobs, log entries and results of a trace in their order",
    positionals: ["TRACE"],
  },
  tokens: {
    summary: "write into the log of a run what each stage cost the agent",
    about: `From the agent's transcripts: those of Claude Code for the current directory, or the named ones. A message that a
transcript repeats on several lines counts once (the vendor's program counts every line). finish_loop does the same;
repeating it changes nothing.`,
    positionals: ["[RUN]"],
    options: { workspace, transcript: paths("FILE|DIR", "a transcript, or a folder of them; may be repeated") },
  },
  kpi: {
    summary: "operating points of an inference CSV, or of a run",
    about: `Finds the decision threshold that flags the asked share of defects with the fewest false alarms, and the one with the
best F1. With a run it reads the CSV of its newest evaluated iteration, and the share is that of the run's target. With
--output-dir it writes the table of all thresholds, a summary, missed rows and plots.`,
    positionals: ["[CSV|RUN]"],
    options: {
      workspace,
      iteration: text("LABEL", "of a run: baseline, iter1, ..."),
      "min-recall": number("SHARE", "share of defects to flag; 1.0 is all, and meant for a CSV", { bounds: share }),
      "label-column": text("NAME", "else label"),
      "score-column": text("NAME", "else siamese_score"),
      "pass-label": text("LABEL", "else PASS"),
      "output-dir": path("DIR", "write the published files there"),
    },
    examples: ["deft-mcp kpi inference.csv --min-recall 0.99", "deft-mcp kpi run_20260101_120000 --iteration baseline"],
  },
  gaps: {
    summary: "weak KPI samples, as the vendor's gap analysis writes them",
    about: `Ranks the weakest rows of each label in inference.csv and writes kpi_gaps.parquet, threshold.txt,
weak_samples_breakdown.txt and metrics.json.`,
    options: {
      "inference-dir": path("DIR", "holds inference.csv", { required: true }),
      "train-config": path("YAML", "the train spec", { required: true }),
      "media-root": path("DIR", "where image paths start", { required: true }),
      "output-dir": path("DIR", "where to write", { required: true }),
      "min-recall": number("SHARE", "share of defects to flag", { bounds: share, fallback: 1 }),
      "top-k": number("N", "rows a label", { bounds: { min: 1, whole: true }, fallback: 50 }),
      threshold: number("T", "decision threshold; else the one that flags the share", { bounds: { min: -1 } }),
    },
  },
  osmo: { summary: "plan, submit, watch and fetch defect-image flows on OSMO", positionals: ["COMMAND"] },
  "osmo flows": { summary: "the flows with their use cases" },
  "osmo plan": {
    summary: "the five sections of a submit; nothing is sent",
    positionals: ["FLOW"],
    options: planned,
    examples: ["deft-mcp osmo plan good_image_generation --set crop_max_emit=3"],
  },
  "osmo spec": { summary: "the rendered workflow", positionals: ["FLOW"], options: planned },
  "osmo submit": { summary: "submit a flow once its cost is agreed to", positionals: ["FLOW"], options: planned },
  "osmo status": {
    summary: "where a workflow stands",
    about: "RUN is a workflow id or run name; without it the last submit is meant.",
    positionals: ["[RUN]"],
    options: { task: text("TASK", "with the log tail of this task"), events: flag("with its events") },
  },
  "osmo watch": {
    summary: "look until a workflow ends",
    about: "RUN is a workflow id or run name; without it the last submit is meant. Stopping it stops nothing else.",
    positionals: ["[RUN]"],
    options: {
      every: number("SECONDS", "between looks", { bounds: { min: 1 } }),
      detach: flag("go on without this terminal"),
    },
    exit: "Exit 0: the workflow is complete; 1: it failed; 2: refused.",
  },
  "osmo cancel": {
    summary: "cancel a workflow of yours",
    positionals: ["RUN"],
    options: { reason: text("TEXT", "why", { fallback: "asked at the terminal" }) },
  },
  "osmo outputs": {
    summary: "fetch outputs of a workflow",
    positionals: ["[RUN]"],
    options: {
      mode: choice(["preview", "archive"], "a page of samples, or one zip with logs", { fallback: "preview" }),
      samples: number("N", "of a preview", { bounds: whole(5, 10), fallback: 8 }),
      workspace,
    },
  },
  "osmo preferences": {
    summary: "show, set or forget what submits remember",
    options: { set: pairs("remember this"), forget: text("KEY", "forget this") },
  },
  call: {
    summary: "list the tools, or call one",
    about: `Calls a tool through a real MCP client over stdio and prints its result; without TOOL it lists the tools.`,
    positionals: ["[TOOL]", "[JSON]"],
    examples: [`deft-mcp call loop_status '{"workspace": "deft-demo-workspace"}'`],
  },
  help: { interactive: true, summary: "this list, or what COMMAND takes", positionals: ["[COMMAND]", "[SUBCOMMAND]"] },
} as const satisfies Record<string, Declaration>;

export type CommandName = keyof typeof declarations;

type Positionals<D> = D extends { positionals: infer Names extends readonly string[] }
  ? { readonly [At in keyof Names]: Names[At] extends `[${string}` ? string | undefined : string }
  : readonly [];
type Values<D> = D extends { options: infer Options }
  ? { readonly [Key in keyof Options]: ValueOf<Options[Key]> }
  : unknown;

/** The arguments of a command as its declaration types them. */
export type Given<Name extends CommandName> = {
  readonly positionals: Positionals<(typeof declarations)[Name]>;
  readonly options: Values<(typeof declarations)[Name]> & { readonly json: boolean };
};

const json = flag("one JSON object on stdout, for programs; a refusal too");

/** The declaration of a command of one or two words, whole. */
export function declarationOf(name: CommandName): Required<Pick<Declaration, "positionals" | "options">> & Declaration {
  const declared: Declaration = declarations[name];
  const isTold = !declared.interactive && commandsBelow(name).length === 0;
  return { positionals: [], ...declared, options: { ...declared.options, ...(isTold ? { json } : {}) } };
}

/** Commands of one word, or those below one of them: `osmo` has `osmo plan`. */
export function commandsBelow(group?: string): CommandName[] {
  const names = Object.keys(declarations) as CommandName[];
  return names.filter((name) => (group === undefined ? !name.includes(" ") : name.startsWith(`${group} `)));
}

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(declarations, name);
}
