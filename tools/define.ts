import { z } from "zod";
import type { Call } from "../server/ports/call.ts";

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
  /** Extra words that a client's tool search matches. */
  readonly searchHint?: string;
  handle(args: z.output<In>, call: Call): Promise<z.input<Out>>;
};

/** Keeps the types of a tool's schemas tied to its handler. */
export function defineTool<In extends z.ZodObject, Out extends z.ZodObject>(tool: Tool<In, Out>): Tool {
  return tool as unknown as Tool;
}

/** Parameters and results that several tools share, spelled once. */
export const runField = z.string().max(4096).optional().describe("id or path");
export const workspaceField = z.string().max(4096).optional();
export const wordsField = z
  .string()
  .max(2000)
  .optional()
  .describe("the human's answer, verbatim, if you cannot elicit");

export const stageResult = {
  iteration: z.string(),
  stage: z.string(),
  seq: z.number().optional(),
  summary: z.string().optional(),
  warnings: z.array(z.string()),
  hard_stop: z.object({ code: z.string(), message: z.string(), facts: z.record(z.string(), z.unknown()) }).optional(),
  next_action: z.string(),
  run_dir: z.string(),
};
