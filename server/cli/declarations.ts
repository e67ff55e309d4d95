import { exportFormats } from "../run/labels.ts";
import { choice, type Declaration, flag, number, pairs, path, paths, text, type ValueOf } from "./options.ts";
import { planOptions } from "./plan-options.ts";

const workspace = text("DIR", "the workspace; else DEFT_WORKSPACE, else the only one in or above this directory");
const whole = (min: number, max: number) => ({ min, max, whole: true });
const seed = number("N", "seed of generated boards", { bounds: whole(0, 2_147_483_647), fallback: 1 });
const share = { min: 0, max: 1 };
const { platform, set, "num-sdg": numSdg } = planOptions;
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
    about: `With --http it is served over Streamable HTTP at /mcp, for several clients. HOST is 127.0.0.1 unless given. Every
request needs a token: that of --token-file, which only you may read, or one that is made, printed once and kept in a file of
yours; or, with --issuer, a user's access token of that OpenID provider. Ending the server ends no job.`,
    options: {
      toolsets: text("deft,osmo", "what to offer; else DEFT_TOOLSETS"),
      http: text("[HOST:]PORT", "serve over HTTP"),
      "token-file": path("FILE", "what every request must carry; goes with --http"),
      issuer: text("URL", "OpenID provider whose access tokens users come with; goes with --http"),
      audience: text("NAME", "whom such a token must be for; the server's URL unless given"),
      resource: text("URL", "the server's URL as clients know it, behind a proxy with TLS"),
      record: path("DIR", "write a trace, one file a connection, for `replay`; else DEFT_RECORD"),
    },
    examples: ["deft-mcp serve --http 8080"],
  },
  demo: {
    summary: "run a whole loop on generated boards; needs nothing but Node",
    about: `The loop is driven by an MCP client, as an agent would drive it. Without --workspace board images are generated into
./deft-demo-workspace, which is kept. A given workspace gets nothing but results/run_*.
The demo approves its own plan for boards that it drew; for others it asks at this terminal, or DEFT_APPROVE_PLAN names the plan.`,
    options: {
      workspace: text("DIR", "boards of your own"),
      platform,
      set,
      "max-iterations": number("N", "after the baseline", { bounds: whole(1, 99), fallback: 2 }),
      kpi: text("TARGET", "when to stop", { fallback: "FAR < 1% at recall=100%" }),
      "num-sdg": numSdg,
      seed,
    },
    exit: "Exit 0: the loop ended, its target met or not; 1: a hard stop; 2: refused.",
  },
  run: {
    summary: "run a loop on a workspace of yours, without an agent",
    about: `Shows the plan, asks for a yes at this terminal, and drives the loop to its end as an agent would. What is left out is
asked for. Where nobody can be asked, DEFT_APPROVE_PLAN names the plan that its operator agrees to. Ctrl-C ends the
command, not the run: --resume, or naming a RUN, goes on with one; with settings beside it their change is asked first.`,
    positionals: ["[RUN]"],
    options: { workspace, resume: flag("go on with the unfinished run"), ...planOptions },
    examples: [
      'deft-mcp run --kpi "FAR < 1% at recall=100%" --max-iterations 3',
      "deft-mcp run --resume --workspace boards",
    ],
    exit: "Exit 0: the target is met; 3: the loop ended without it; 4: a hard stop that waits for a person; 2: refused.",
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
  import: {
    summary: "make a workspace of a folder of images, by rule",
    about: `Reads the layout, labels, masks and boxes of SOURCE, pairs every image with a golden one by a stated rule, measures how
each pair lies, and divides the rows by board. Without --write it shows the plan and makes one page of samples,
DIR-samples.html, to look at. Nothing of SOURCE is ever changed.`,
    positionals: ["SOURCE", "DIR"],
    options: {
      write: flag("make the workspace DIR, which must not hold anything"),
      layout: text("NAME", "read SOURCE as this layout; else as the first that fits"),
      table: path("CSV", "a list of the images of SOURCE with their labels"),
      column: pairs("column of the table; KEY: image, label, golden, board, place, category, lighting or mask"),
      pattern: text("REGEX", "named groups over file names: board, side, component, view, lighting, label, product"),
      lightings: text("NAME,..", "which of several to take; 1, 2 or 4"),
      good: text("LABEL,..", "labels that mean a good part; else words like good, OK, normal, pass, 0"),
      holdout: number("SHARE", "of the boards, kept out of every set of the loop", {
        bounds: { min: 0, max: 0.5 },
        fallback: 0,
      }),
      seed: number("N", "of the division", { bounds: whole(0, 2_147_483_647), fallback: 1 }),
    },
    examples: [
      "deft-mcp import ~/mvtec/transistor ~/boards",
      "deft-mcp import ~/mvtec/transistor ~/boards --write",
      "deft-mcp import ~/aoi ~/boards --pattern '(?<board>[^_/]+)_(?<side>TOP|BOT)_(?<component>[^_]+)_(?<lighting>[^_.]+)'",
    ],
  },
  doctor: {
    summary: "check a workspace",
    about: "Runs the checks of preflight for people. Changes nothing.",
    options: { workspace, ...planOptions },
    exit: "Exit 0: nothing would stop a run; 2: something would.",
  },
  validate: {
    summary: "check one ChangeNet CSV: rows, images, labels, leakage",
    about: `Columns, labels, both images of every row, rows on which a figure means nothing (repeated or contradictory ones,
pairs that are none), and rows that the validation or KPI CSV has too, as copies as well. Shows a count and the first
five places of each problem.`,
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
  audit: {
    summary: "does the figure of a run follow from its checkpoint and images?",
    about: `Scores the KPI set of the newest evaluated iteration again, in a fresh process without cache, in a folder of its own,
and compares row by row; proves the chain of digests, pinned files and images. Changes nothing in the run.`,
    positionals: ["[RUN]"],
    options: { workspace, iteration: text("LABEL", "baseline, iter1, ...") },
    exit: "Exit 0: everything is as the run says; 1: a difference; 2: refused.",
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
      against: path("CSV", "what another model scored: parts fixed and newly failing"),
    },
    examples: ["deft-mcp kpi inference.csv --min-recall 0.99", "deft-mcp kpi run_20260101_120000 --iteration baseline"],
  },
  compare: {
    summary: "figures of several runs side by side",
    about: "With FAR by iteration, and whether one ruler measured them: the same KPI table, metric and engine.",
    positionals: ["RUN", "RUN2", "[RUN3]", "[RUN4]"],
    options: { workspace },
  },
  errors: {
    summary: "every part that an iteration misjudges, to look at or to hand on",
    about: `Missed defects, then false alarms, the furthest off first, and what changed since another iteration. --export writes
it for a spreadsheet or an annotation tool, on stdout or to a file.`,
    positionals: ["[RUN]"],
    options: {
      workspace,
      iteration: text("LABEL", "baseline, iter1, ...; else the newest measured one"),
      against: text("LABEL", "tell changes against this one; else the one before"),
      threshold: number("T", "instead of the recorded one"),
      kind: choice(["missed", "false_alarm"], "only these"),
      label: text("NAME", "only parts of this label"),
      board: text("NAME", "only parts of this board"),
      export: choice(exportFormats, "in the form of another tool"),
      output: path("FILE", "write the export there"),
    },
    examples: ["deft-mcp errors --export csv --output misjudged.csv"],
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
    about: `Calls a tool as an MCP client does and prints its result; without TOOL it lists the tools.`,
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
