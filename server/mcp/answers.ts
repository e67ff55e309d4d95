import type { CallToolResult, Tool as ListedTool } from "@modelcontextprotocol/sdk/types.js";
import type { Tool } from "../../tools/define.ts";
import { tools } from "../../tools/index.ts";
import { Refusal } from "../errors.ts";
import type { Call, Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { redactDeep, redactor } from "../run/redact.ts";
import { failure, success } from "./answer.ts";
import { parseArguments } from "./arguments.ts";
import { Asked } from "./asked.ts";
import { iconsOf } from "./icons.ts";
import { listed } from "./listing.ts";
import { NotOffered } from "./not-offered.ts";
import type { Caller, ServerOptions } from "./options.ts";
import { completionsOf, listPrompts, promptOf } from "./prompts.ts";
import { listResources, readResource, resourceTemplates } from "./resources.ts";

/** What the server answers, whichever era of the protocol asks. @throws NotOffered for what there is not. */
export type Answers = ReturnType<typeof answersOf>;

/**
 * The answers of a server with these toolsets; every one of them is made from the disk when it is asked for. With
 * `refusalsAsData` a refusal carries its code, facts and remedy for programs too.
 */
export function answersOf(deps: Deps, options: ServerOptions, refusalsAsData = false) {
  const { toolsets } = options;
  const chosen = tools.filter((tool) => toolsets.includes(tool.toolset));
  const offered = new Map(chosen.map((tool) => [tool.name, tool]));
  const clean = redactor(deps.env);
  return {
    clean,
    listTools: (showsViews: boolean): ListedTool[] => {
      // Every listing is paid for in bytes, so only who draws gets pictures.
      const drawn = ({ toolset }: Tool) => (showsViews ? { icons: iconsOf(toolset) } : {});
      return chosen.map((tool) => ({ ...listed(tool, showsViews), ...drawn(tool) }));
    },
    toolNamed(name: string): Tool {
      const tool = offered.get(name);
      if (tool === undefined) throw new NotOffered(`Unknown tool: ${name}`);
      return tool;
    },
    /** @throws Asked where a human must answer first and the era cannot wait for them. */
    async callTool(tool: Tool, given: unknown, caller: Caller): Promise<CallToolResult> {
      try {
        return await runTool(tool, given, { ...caller, deps }, clean);
      } catch (error) {
        if (error instanceof Asked) throw error;
        const incident = deps.ids.hex(8);
        const isDefect = !(error instanceof Refusal || isCancelled(error, caller));
        if (isDefect) options.log(clean(`incident ${incident} in ${tool.name}: ${stackOf(error)}`));
        const told = failure(error, incident);
        return redactDeep(refusalsAsData ? withData(told, error) : told, clean);
      }
    },
    listResources: (cursor?: string) => listResources(deps, cursor),
    resourceTemplates,
    readResource: (uri: string) => readResource(uri, deps),
    listPrompts: () => listPrompts(toolsets),
    getPrompt: (name: string, given: Readonly<Record<string, string>> = {}) => promptOf(name, given, toolsets),
    complete: (ref: Parameters<typeof completionsOf>[0], argument: { name: string; value: string }) =>
      completionsOf(ref, argument, toolsets, deps),
  };
}

async function runTool(
  tool: Tool,
  given: unknown,
  call: Call,
  clean: (text: string) => string,
): Promise<CallToolResult> {
  const reading = { env: call.deps.env, ...defined({ keepsBlank: tool.keepsBlank }) };
  const told = tool.output.parse(await tool.handle(parseArguments(tool.input, given, reading), call));
  return success(redactDeep(told, clean), tool.links?.(told) ?? []);
}

/** That work ended because its caller called it off, or is gone. */
function isCancelled(error: unknown, { signal }: Caller): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"));
}

/** Beside the text, since structured content of a failed call would be held against the schema of a success. */
function withData(told: CallToolResult, error: unknown): CallToolResult {
  if (!(error instanceof Refusal)) return told;
  const { code, message, facts, remedy, hardStop } = error;
  const refusal = { code, message, facts, remedy, ...(hardStop ? { hard_stop: true } : {}) };
  return { ...told, _meta: { "io.github.deft-mcp/refusal": refusal } };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
