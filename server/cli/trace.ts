import { resolve } from "node:path";
import { traceBudgetBytes } from "../trace/format.ts";
import { loadTrace, type Trace } from "../trace/load.ts";
import { describeLine } from "../trace/show.ts";
import { group } from "./frame.ts";

/** `deft-mcp trace show TRACE`: a recording for people. */
export const run = group("trace", {
  show: async ({ positionals: [path] }, io) => {
    const trace = await loadTrace(resolve(io.cwd, path), { partial: true });
    const shown = shownLines(trace);
    const value = {
      connections: trace.connections.length,
      lines: trace.order.length,
      files: trace.files.size,
      size_bytes: trace.size_bytes,
      over_budget: trace.size_bytes > traceBudgetBytes,
      cut_off: trace.connections.at(-1)?.ended !== true,
      shown,
    };
    return { value, text: `${[...shown, sizeText(trace)].join("\n")}\n` };
  },
});

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
