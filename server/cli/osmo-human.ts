import { createInterface, type Interface } from "node:readline/promises";
import { atTerminal } from "../loop/approval/consent.ts";
import type { Answer, Call, Deps, Human, Question } from "../ports/call.ts";
import { visible } from "../run/visible.ts";
import { terminalCall } from "./deps.ts";
import { print } from "./io.ts";

/** A call by a person at a terminal who can be asked; without one nobody can, and no words are relayed. */
export function askingCall(deps: Deps): Call {
  const call = terminalCall(deps);
  call.connection.notes.set(atTerminal, true);
  return { ...call, human: terminalHuman(process.stdin.isTTY === true && process.stdout.isTTY === true) };
}

/** Puts each field of a form to the person in turn. */
function terminalHuman(canAsk: boolean): Human {
  return {
    canAsk,
    async ask(question) {
      const terminal = createInterface({ input: process.stdin, output: process.stdout });
      try {
        return await answers(terminal, question);
      } finally {
        terminal.close();
      }
    },
  };
}

async function answers(terminal: Interface, { message, fields }: Question): Promise<Answer> {
  const content: Record<string, unknown> = {};
  print(process.stdout, `${message}\n`);
  for (const [name, field] of Object.entries(fields)) {
    const choices = field.enum?.map((label, index) => `  ${index + 1}) ${label}\n`).join("") ?? "";
    const form = field.type === "boolean" ? "type yes to agree" : field.enum ? "number" : (field.description ?? "text");
    const line = (await terminal.question(visible(`${field.title}\n${choices}[${form}] `))).trim();
    if (line === "") return { action: "cancel" };
    if (field.type === "boolean") content[name] = line.toLowerCase() === "yes";
    else content[name] = field.enum ? (field.enum[Number(line) - 1] ?? line) : line;
  }
  return { action: "accept", content };
}
