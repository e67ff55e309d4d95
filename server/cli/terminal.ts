import { createInterface } from "node:readline/promises";
import { Refusal } from "../errors.ts";
import { visible } from "../run/visible.ts";

/**
 * Asks a person at a terminal to type `yes`.
 *
 * @throws Refusal `approval.no-terminal` when stdin or stdout is no terminal, so that no program can answer.
 */
export async function confirmAtTerminal(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new Refusal("approval.no-terminal", "Only a person at a terminal may answer this.", {});
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${visible(question)}\nType yes to agree: `)).trim().toLowerCase() === "yes";
  } finally {
    terminal.close();
  }
}
