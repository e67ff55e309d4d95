import { Refusal } from "../errors.ts";
import { redactDeep, redactor } from "../run/redact.ts";
import { version } from "../run/version.ts";
import { oneLine } from "../run/visible.ts";
import { type CommandName, commandsBelow, type Given } from "./declarations.ts";
import { helpOf } from "./help-text.ts";
import { type CliIo, print, printJson, tell } from "./io.ts";
import { parse, unknownCommand } from "./parse.ts";

export const exitOk = 0;
/** A defect, a hard stop, or a difference where none was expected. */
export const exitDefect = 1;
export const exitRefused = 2;

/** What a command has to say: `value` with --json, `text` without. A command that prints by itself returns its exit. */
export type Answer = { readonly value: object; readonly text: string; readonly exit?: number };

export type Run = (argv: string[], io: CliIo) => Promise<number>;
type Work<Name extends CommandName> = (given: Given<Name>, io: CliIo) => Promise<Answer | number>;
type VerbOf<Name, Group extends string> = Name extends `${Group} ${infer Word}` ? Word : never;
type Verb<Group extends string> = VerbOf<CommandName, Group>;

/** Makes the program of a command: reads its arguments as declared, tells its answer, and refusals in one way. */
export function command<Name extends CommandName>(name: Name, work: Work<Name>): Run {
  return (argv, io) =>
    settled(argv, io, async () => {
      if (answeredAlone(name, argv, io)) return exitOk;
      const answer = await work(parse(name, argv, io.cwd), io);
      if (typeof answer === "number") return answer;
      if (has(argv, "--json")) printJson(io, answer.value);
      else tell(io, io.stdout, answer.text);
      return answer.exit ?? exitOk;
    });
}

/** Makes the program of a command that has others below it: the first word chooses. */
export function group<Group extends CommandName>(
  name: Group,
  works: { readonly [Word in Verb<Group>]: Work<Extract<CommandName, `${Group} ${Word}`>> },
): Run {
  return (argv, io) =>
    settled(argv, io, async () => {
      const [word, ...rest] = argv;
      const verb = (Object.keys(works) as Verb<Group>[]).find((one) => one === word);
      if (verb !== undefined)
        return await command(`${name} ${verb}` as CommandName, works[verb] as Work<CommandName>)(rest, io);
      if (answeredAlone(name, argv, io)) return exitOk;
      if (word !== undefined && !word.startsWith("-")) throw unknownCommand(word, name);
      const known = commandsBelow(name).map((one) => `deft-mcp ${one}`);
      const facts = { known, help: `deft-mcp ${name} --help` };
      throw new Refusal("input.invalid", `deft-mcp ${name} takes a command.`, facts);
    });
}

/** Shows help or version where they are asked for, wherever that stands among the arguments. */
export function answeredAlone(name: CommandName | undefined, argv: readonly string[], io: CliIo): boolean {
  if (has(argv, "--help", "-h")) print(io.stdout, helpOf(name));
  else if (has(argv, "--version", "-v")) print(io.stdout, `deft-mcp ${version}\n`);
  else return false;
  return true;
}

/** Whether one of these is among the options, which end at `--`. */
function has(argv: readonly string[], ...names: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end < 0 ? argv : argv.slice(0, end)).some((word) => names.includes(word));
}

/**
 * Does the work and tells what stopped it: a refusal is exit 2, a defect exit 1 with its stack on stderr. With --json
 * either is one object on stdout.
 */
export async function settled(argv: readonly string[], io: CliIo, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const clean = redactor(io.env);
    const told = error instanceof Refusal ? redactDeep(error.told, clean) : defectOf(error, clean);
    if (!(error instanceof Refusal)) {
      print(io.stderr, `deft-mcp: ${clean(error instanceof Error ? String(error.stack) : String(error))}\n`);
    }
    if (has(argv, "--json")) printJson(io, { ok: false, error: told });
    else if (error instanceof Refusal) tell(io, io.stderr, refusalText(told));
    return error instanceof Refusal ? exitRefused : exitDefect;
  }
}

type Told = Pick<Refusal["told"], "message" | "facts" | "remedy"> & { readonly code: string };

function defectOf(error: unknown, clean: (text: string) => string): Told {
  const message = clean(error instanceof Error ? error.message : String(error));
  return { code: "internal", message, facts: {}, remedy: "Report this with the stack from stderr." };
}

function refusalText({ code, message, facts, remedy }: Told): string {
  const lines = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${typeof value === "string" ? oneLine(value) : JSON.stringify(value)}\n`);
  return `${code}: ${oneLine(message)}\n${lines.join("")}Next: ${remedy}\n`;
}
