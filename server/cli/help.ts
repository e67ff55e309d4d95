import { isCommand } from "./declarations.ts";
import { command, exitOk } from "./frame.ts";
import { helpOf } from "./help-text.ts";
import { print } from "./io.ts";
import { unknownCommand } from "./parse.ts";

/** `deft-mcp help [COMMAND]`: the commands, or one of them. */
export const run = command("help", async ({ positionals: [first, second] }, io) => {
  if (first !== undefined && !isCommand(first)) throw unknownCommand(first);
  const name = second === undefined ? first : `${first} ${second}`;
  if (name !== undefined && !isCommand(name)) throw unknownCommand(second ?? "", first);
  print(io.stdout, helpOf(name));
  return exitOk;
});
