import { basename } from "node:path";
import { z } from "zod";
import type { Call } from "../server/ports/call.ts";
import { membersOf } from "../server/run/record.ts";

/** A resource that a result names, for clients that show it to the human. */
export type Link = { readonly uri: string; readonly name: string; readonly mimeType: string };

/** How a call that lasts goes on after its first answer. Without `goOn` the call does the work itself, and may do it again. */
export type Lasting = {
  /** Whether a call with these arguments may last; every one does unless told. */
  lasts?(given: Given): boolean;
  /** Arguments that make it come back at once. */
  readonly look?: Given;
  /**
   * The arguments that ask on for what a result told of; undefined when that was the last. A result with `next_look_sec`
   * is not asked about sooner.
   */
  goOn?(result: Given, given: Given): Record<string, unknown> | undefined;
};
type Given = Readonly<Record<string, unknown>>;

export type Toolset = "deft" | "osmo";

/**
 * One MCP tool: schemas, annotations and a thin handler. Output's first key is `status_line`, the human sentence.
 *
 * A handler imports what it works with when it is called: the server's start pays for schemas alone.
 */
export type Tool<In extends z.ZodObject = z.ZodObject, Out extends z.ZodObject = z.ZodObject> = {
  readonly name: string;
  readonly title: string;
  /** What it does, when to use it; at most 250 characters. */
  readonly description: string;
  readonly toolset: Toolset;
  readonly input: In;
  readonly output: Out;
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
  /** Schema in the agent's prompt from the start; for entry tools only. */
  readonly alwaysLoad?: boolean;
  /** `ui://` resource that shows the result in hosts with MCP Apps; other hosts are not told. */
  readonly view?: string;
  /** Optional text for which an empty string is a value; for all other an empty string means absent. */
  readonly keepsBlank?: readonly string[];
  /** What a client may offer to open beside the result. */
  links?(output: z.output<Out>): Link[];
  /** Extra words that a client's tool search matches. */
  readonly searchHint?: string;
  /** That a call may take longer than a client wants to wait; clients that know tasks get a handle then. */
  readonly lasting?: Lasting;
  handle(args: z.output<In>, call: Call): Promise<z.input<Out>>;
};

/** Keeps the types of a tool's schemas tied to its handler. */
export function defineTool<In extends z.ZodObject, Out extends z.ZodObject>(tool: Tool<In, Out>): Tool {
  return tool as unknown as Tool;
}

/** Link to a file of a run, which the client reads as a resource. */
export function runLink(runDir: string, part: "report" | "best_model"): Link {
  const name = part === "report" ? "report" : "best_model.json";
  const mimeType = part === "report" ? "text/html" : "application/json";
  return { uri: `deft://run/${encodeURIComponent(basename(runDir))}/${part}`, name, mimeType };
}

/** Pictures that a client may offer of what a best model gets wrong. */
const picturesLinked = 3;

/** Links to the pictures of the worst parts of `trustField`: missed defects first, as the resource counts them. */
export function misjudgedLinks(runDir: string, wrong: z.output<typeof trustField>): Link[] {
  const named = [
    ...examplesOf(wrong?.missed_defects).map((label) => `missed: ${label}`),
    ...examplesOf(wrong?.flagged_pass).map((label) => `false alarm: ${label}`),
  ];
  const place = `deft://run/${encodeURIComponent(basename(runDir))}/misjudged/${wrong?.iteration}`;
  return named
    .slice(0, picturesLinked)
    .map((name, at) => ({ uri: `${place}/${at + 1}`, name, mimeType: "image/jpeg" }));
}

/** Labels of the examples of one kind. */
function examplesOf(errors: unknown): string[] {
  const { examples } = membersOf(errors);
  return Array.isArray(examples) ? examples.map((one) => String(membersOf(one).label)) : [];
}

/** Parameters and results that several tools share, spelled once. */
export const runField = z.string().max(4096).optional().describe("id or path");
export const workspaceField = z.string().max(4096).optional();
export const wordsField = z.string().max(2000).optional().describe("the human's own words, if you cannot ask");

export const nextCallField = z.object({ tool: z.string(), arguments: z.record(z.string(), z.unknown()) }).optional();

/** What a run's best model still gets wrong; its shape is `Trust` of server/loop/trust.ts. */
export const trustField = z.looseObject({ iteration: z.string() }).optional();

export const stageResult = {
  iteration: z.string(),
  stage: z.string(),
  seq: z.number().optional(),
  summary: z.string().optional(),
  warnings: z.array(z.string()),
  hard_stop: z.object({ code: z.string(), message: z.string(), facts: z.record(z.string(), z.unknown()) }).optional(),
  next_action: z.string(),
  /** The same as a call that can be made as it is. */
  next_call: nextCallField,
  run_dir: z.string(),
};
