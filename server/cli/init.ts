import { resolve } from "node:path";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import type { WorkspaceSize } from "../../engine/workspace/rows.ts";
import { numberOption, parseArguments } from "./arguments.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";
import { scaffoldWorkspace } from "./scaffold.ts";

const usage = `usage: deft-mcp init DIR [--example [--tiny] [--seed 1]] [--json]

Makes a workspace: folders, table headers and a spec to fill with your own boards; with --example one that is complete,
with generated board images. Nothing is ever overwritten.
`;

/** `deft-mcp init DIR`: a new workspace, empty or with generated boards. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  return await reportRefusal(io, argv.includes("--json"), async () => {
    const options = { example: flag, tiny: flag, seed: { type: "string" }, json: flag } as const;
    const given = parseArguments(argv, options, ["DIR"]);
    const dir = resolve(io.cwd, given.positionals[0] ?? "");
    const seed = numberOption(given, "seed", { min: 0, max: 2_147_483_647, whole: true }) ?? 1;
    const size: WorkspaceSize = given.flag("tiny") ? "tiny" : "standard";
    const example = given.flag("example");
    const made = example ? await generateWorkspace(dir, { seed, size }) : await scaffoldWorkspace(dir);
    if (given.flag("json")) printJson(io, made);
    else print(io.stdout, example ? exampleText(dir) : scaffoldText(dir));
    return exitOk;
  });
}

const flag = { type: "boolean" } as const;

function exampleText(dir: string): string {
  return `Made ${dir} with generated board images; its README.md says what is in it.\nNext: deft-mcp demo --workspace ${dir}\n`;
}

function scaffoldText(dir: string): string {
  return `Made ${dir}; its README.md says what to put where.\nNext: fill it, then deft-mcp doctor --workspace ${dir}\n`;
}
