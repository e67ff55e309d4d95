import { resolveRun } from "../loop/which-run.ts";
import { renderReport } from "../report/render.ts";
import { parseArguments } from "./arguments.ts";
import { systemDeps } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";

const usage = `usage: deft-mcp report [RUN] [--workspace DIR] [--json]

Renders DEFT_Loop_Report.html of a run anew from its files and prints where it is.
`;

/** `deft-mcp report [RUN]`: renders the report of any run, finished or not. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  const json = argv.includes("--json");
  return await reportRefusal(io, json, async () => {
    const options = { workspace: { type: "string" }, json: { type: "boolean" } } as const;
    const given = parseArguments(argv, options, ["[RUN]"]);
    const deps = systemDeps(io);
    const choice = { run: given.positionals[0], workspace: given.text("workspace") };
    const runDir = await resolveRun(choice, deps, { orLatest: true });
    const rendered = await renderReport(runDir, deps);
    if (json) printJson(io, rendered);
    else
      print(io.stdout, `${[...rendered.warnings.map((text) => `note: ${text}`), rendered.report_path].join("\n")}\n`);
    return exitOk;
  });
}
