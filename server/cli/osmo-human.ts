import { atTerminal } from "../loop/approval/consent.ts";
import type { Answer, Call, Deps, Question } from "../ports/call.ts";
import { terminalCall } from "./deps.ts";
import { print } from "./io.ts";
import { isAtTerminal, withTerminal } from "./terminal.ts";

/** A call by a person at a terminal who can be asked; without one nobody can, and no words are relayed. */
export function askingCall(deps: Deps): Call {
  const call = terminalCall(deps);
  call.connection.notes.set(atTerminal, true);
  return {
    ...call,
    human: { canAsk: isAtTerminal(), ask: (question) => withTerminal((ask) => answers(ask, question)) },
  };
}

/** Puts each field of a form to the person in turn. */
async function answers(ask: (text: string) => Promise<string>, { message, fields }: Question): Promise<Answer> {
  const content: Record<string, unknown> = {};
  print(process.stdout, `${message}\n`);
  for (const [name, field] of Object.entries(fields)) {
    const choices = field.enum?.map((label, index) => `  ${index + 1}) ${label}\n`).join("") ?? "";
    const form = field.type === "boolean" ? "type yes to agree" : field.enum ? "number" : (field.description ?? "text");
    const line = await ask(`${field.title}\n${choices}[${form}] `);
    if (line === "") return { action: "cancel" };
    if (field.type === "boolean") content[name] = line.toLowerCase() === "yes";
    else content[name] = field.enum ? (field.enum[Number(line) - 1] ?? line) : line;
  }
  return { action: "accept", content };
}
