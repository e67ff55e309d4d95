import { excerpt } from "../errors.ts";
import { membersOf } from "../run/record.ts";
import { oneLine } from "../run/visible.ts";
import type { TraceLine } from "./format.ts";

/** One line of a trace for people, whatever it holds, or undefined for what only machines need. */
export function describeLine(line: TraceLine): string | undefined {
  const text = textOf(line);
  return text === undefined ? undefined : oneLine(text);
}

function textOf(line: TraceLine): string | undefined {
  switch (line.kind) {
    case "connection":
      return `connection  deft-mcp ${line.version}, ${line.started_at}, format ${line.format}`;
    case "request":
      return `call        ${line.method === "tools/call" ? callText(line.params) : line.method}`;
    case "result":
      return `  result    ${resultText(line.result)}`;
    case "ask":
      return `  asked     ${firstLine(String(line.params?.message ?? line.method))}`;
    case "answer":
      return `  answered  ${excerpt(JSON.stringify(line.result))}`;
    case "event":
      return `  logged    ${line.entry.seq} ${line.entry.iter} ${line.entry.stage} ${line.entry.status}: ${line.entry.summary}`;
    case "job-start":
      return `  started   ${line.spec.id}: ${line.spec.argv.join(" ")}${givenText(line.inputs)}`;
    case "job-end": {
      const whole = line.outputs.filter(({ stored }) => stored !== undefined).length;
      const exit = `${line.exit.outcome}${line.exit.exit_code === undefined ? "" : ` ${line.exit.exit_code}`}`;
      return `  ended     ${line.id}: ${exit}, ${line.outputs.length} outputs (${whole} kept whole)`;
    }
    case "workspace":
      return `  workspace ${line.generated ? `generated, ${line.generated.size}, seed ${line.generated.seed}` : "of the user"}`;
    case "end":
      return "end";
    default:
      return undefined;
  }
}

function givenText(inputs: readonly { readonly path: string }[] = []): string {
  const names = inputs.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
  return names.length === 0 ? "" : ` (given ${names.join(", ")})`;
}

function callText(params: Record<string, unknown> | undefined): string {
  return `${params?.name} ${excerpt(JSON.stringify(params?.arguments ?? {}), 300)}`;
}

function resultText(result: unknown): string {
  const { structured, refused, text } = membersOf(result);
  if (refused !== undefined) return firstLine(String(text));
  const line = membersOf(structured).status_line;
  return typeof line === "string" ? line : excerpt(JSON.stringify(result), 200);
}

function firstLine(text: string): string {
  return excerpt(text.split("\n", 1)[0] ?? "", 200);
}
