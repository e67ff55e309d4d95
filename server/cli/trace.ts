import { resolve } from "node:path";
import { Refusal } from "../errors.ts";
import { traceBudgetBytes } from "../trace/format.ts";
import { loadTrace, type Trace } from "../trace/load.ts";
import { describeLine } from "../trace/show.ts";
import { parseArguments } from "./arguments.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";

const usage = `usage: deft-mcp trace show TRACE [--json]

Shows what a trace recorded: calls, questions, jobs, log entries and results in their order. TRACE is the folder that
\`serve --record\` or DEFT_RECORD wrote.
`;

/** `deft-mcp trace show TRACE`: a recording for people. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  const json = argv.includes("--json");
  return await reportRefusal(io, json, async () => {
    const given = parseArguments(argv, { json: { type: "boolean" } }, ["show", "TRACE"]);
    const [verb, path = ""] = given.positionals;
    if (verb !== "show") throw new Refusal("input.invalid", "The only thing to do with a trace here is show.", {});
    const trace = await loadTrace(resolve(io.cwd, path), { partial: true });
    const shown = shownLines(trace);
    if (json)
      printJson(io, {
        connections: trace.connections.length,
        lines: trace.order.length,
        files: trace.files.size,
        size_bytes: trace.size_bytes,
        over_budget: trace.size_bytes > traceBudgetBytes,
        cut_off: trace.connections.at(-1)?.ended !== true,
        shown,
      });
    else print(io.stdout, `${[...shown, sizeText(trace)].join("\n")}\n`);
    return exitOk;
  });
}

function sizeText({ size_bytes }: Trace): string {
  const over =
    size_bytes > traceBudgetBytes ? `, beyond the ${traceBudgetBytes / 1e6} MB that a trace should keep to` : "";
  return `size        ${(size_bytes / 1e6).toFixed(2)} MB${over}`;
}

/** Lines for people; where clients of one server took turns, a line says whose follow. */
function shownLines(trace: Trace): string[] {
  let before: Trace["connections"][number] | undefined;
  return trace.order.flatMap(({ line, connection }) => {
    const isCut = !connection.ended && line === connection.lines.at(-1);
    const texts = [describeLine(line) ?? [], isCut ? "cut off: the server was killed here" : []].flat();
    if (texts.length === 0) return [];
    const turn = before === connection || line.kind === "connection" ? [] : [`-- ${connection.file}`];
    before = connection;
    return [...turn, ...texts];
  });
}
