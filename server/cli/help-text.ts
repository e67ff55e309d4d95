import { version } from "../run/version.ts";
import { type CommandName, commandsBelow, declarationOf } from "./declarations.ts";
import type { Option } from "./options.ts";

/** What a person is told of a command, or of all of them. */
export function helpOf(name: CommandName | undefined): string {
  if (name === undefined) return allCommands();
  const { summary, about, positionals, options, examples = [], exit } = declarationOf(name);
  const below = commandsBelow(name).map((one): Row => [usageOf(one), declarationOf(one).summary]);
  const fallbackExit = "Exit 0: fine; 1: a defect or a difference; 2: refused.";
  const parts = [
    `usage: deft-mcp ${[name, ...positionals].join(" ")}${requiredOf(name)}${below.length > 0 ? "" : " [options]"}`,
    `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.${about === undefined ? "" : `\n${about}`}`,
    table(below),
    table([...Object.entries(options).map(rowOf), ["-h, --help", "this text"]]),
    examples.map((one) => `  ${one}`).join("\n"),
    exit ?? fallbackExit,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function allCommands(): string {
  const rows = commandsBelow().map((name): Row => [usageOf(name), declarationOf(name).summary]);
  return `deft-mcp ${version}: the DEFT AOI improvement loop as MCP tools, with the rules kept by the server

${table(rows)}

Most take --json. \`deft-mcp COMMAND --help\` says more. Exit 0: fine; 1: a defect or a hard stop; 2: refused.
`;
}

type Row = readonly [string, string];

/** A command with its positionals, as a list of commands names it. */
export function usageOf(name: CommandName): string {
  return ["deft-mcp", name, ...declarationOf(name).positionals].join(" ");
}

function requiredOf(name: CommandName): string {
  const needed = Object.entries(declarationOf(name).options).filter(([, { required }]) => required);
  return needed.map(([key, { value }]) => ` --${key} ${value}`).join("");
}

function rowOf([key, { value, help, fallback }]: [string, Option]): Row {
  const shown = fallback === undefined ? "" : ` (default ${fallback})`;
  return [`--${key}${value === undefined ? "" : ` ${value}`}`, `${help}${shown}`];
}

function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
