import { resolve } from "node:path";
import { type Validation, validateCsv } from "../data/validate.ts";
import { imagesRootOf, lightingsOf } from "../data/workspace-images.ts";
import { refusals } from "../errors.ts";
import { parseArguments, requiredOption } from "./arguments.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, exitRefused, printJson, reportRefusal } from "./outcome.ts";

const usage = `usage: deft-mcp validate CSV --workspace DIR [--images-root DIR] [--validation CSV] [--kpi CSV] [--json]

Checks any ChangeNet CSV: columns, labels, both images of every row, rows on which a figure means nothing (repeated or
contradictory ones, pairs that are none), and rows that the validation or KPI CSV has too, as copies as well. Shows a
count and the first five places of each problem.
`;

/** `deft-mcp validate CSV --workspace DIR`: every problem of a ChangeNet CSV with its count and first places. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  return await reportRefusal(io, argv.includes("--json"), async () => {
    const given = parseArguments(
      argv,
      {
        workspace: { type: "string" },
        "images-root": { type: "string" },
        validation: { type: "string" },
        kpi: { type: "string" },
        json: { type: "boolean" },
      },
      ["CSV"],
    );
    const path = (name: string) => {
      const text = given.text(name);
      return text === undefined ? undefined : resolve(io.cwd, text);
    };
    const workspace = resolve(io.cwd, requiredOption(given, "workspace"));
    const csv = resolve(io.cwd, given.positionals[0] ?? "");
    const validation = await validateCsv({
      csv,
      workspace,
      images_root: path("images-root") ?? (await imagesRootOf(workspace)),
      lightings: await lightingsOf(workspace),
      validation_csv: path("validation"),
      kpi_csv: path("kpi"),
    });
    if (given.flag("json")) printJson(io, validation);
    else print(io.stdout, textOf(csv, validation));
    return validation.ok ? exitOk : exitRefused;
  });
}

function textOf(csv: string, { ok, rows, problems, warnings }: Validation): string {
  const lines = [`${csv}: ${rows} rows, ${ok ? "no problem" : `${problems.length} kinds of problem`}`];
  for (const { code, count, examples, text } of problems) {
    lines.push(`${code}: ${count}${text === undefined ? "" : ` (${text})`}`);
    for (const example of examples) lines.push(`  ${Object.entries(example).map(pair).join("  ")}`);
    if (count > examples.length) lines.push(`  and ${count - examples.length} more`);
    lines.push(`  Next: ${refusals[code].remedy}`);
  }
  for (const { code, text, examples } of warnings) {
    lines.push(`warning ${code}: ${text}`);
    for (const example of examples) lines.push(`  ${Object.entries(example).map(pair).join("  ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function pair([name, value]: [string, unknown]): string {
  return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}
