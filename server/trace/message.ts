import { membersOf } from "../run/record.ts";
import type { NewLine } from "./format.ts";

/** A JSON-RPC message, as far as a trace looks at it. */
export type Message = {
  readonly jsonrpc?: "2.0";
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: unknown;
};

/** The line for a message; `_meta` stays, because progress is asked for there. */
export function lineOf(message: Message, from: "client" | "server"): NewLine {
  const { id, method, params, result, error } = message;
  const given = params === undefined ? {} : { params: { ...params } };
  if (method === "notifications/progress") return { kind: "progress", params: { ...params } };
  if (method !== undefined && id === undefined) return { kind: "notice", method, ...given };
  if (method !== undefined && id !== undefined)
    return { kind: from === "client" ? "request" : "ask", id, method, ...given };
  return { kind: from === "client" ? "answer" : "result", id: id ?? 0, result: result ?? { error } };
}

/**
 * What of an answer is kept and compared. A tool's structured result stands for its text, which is the same JSON. Texts
 * that models and people read (instructions, descriptions, prompts, references) may be reworded without breaking a
 * trace, so of those answers only the shape is kept.
 */
export function resultOf(message: Message, method: string | undefined): unknown {
  const { result, error } = message;
  if (error !== undefined) return { error };
  const members = membersOf(result);
  if (method === "tools/call") {
    if (members.structuredContent !== undefined) return { structured: members.structuredContent };
    const [first] = listOf(members.content);
    return { refused: members.isError === true, text: membersOf(first).text };
  }
  if (method === "tools/list") return { tools: listOf(members.tools).map(toolShape) };
  if (method === "initialize") return { capabilities: Object.keys(membersOf(members.capabilities)).sort() };
  return { keys: Object.keys(members).sort() };
}

/** The run that a call was about. */
export function runDirOf(call: Message | undefined, result: unknown): string | undefined {
  if (call?.method !== "tools/call") return undefined;
  const { run_dir } = membersOf(membersOf(result).structured);
  const { run } = membersOf(call.params?.arguments);
  return [run_dir, run].find((path): path is string => typeof path === "string" && path.startsWith("/"));
}

function toolShape(tool: unknown) {
  const { name, inputSchema, outputSchema } = membersOf(tool);
  const fields = (schema: unknown) => Object.keys(membersOf(membersOf(schema).properties)).sort();
  const required = listOf(membersOf(inputSchema).required).map(String).sort();
  return { name, arguments: fields(inputSchema), required, fields: fields(outputSchema) };
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
