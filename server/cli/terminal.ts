import { createInterface } from "node:readline/promises";
import { Refusal } from "../errors.ts";
import { visible } from "../run/visible.ts";

type Ask = (question: string) => Promise<string>;

/** Whether a person can be asked: no program can answer then. */
export function isAtTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Lends the terminal for a few questions. */
export async function withTerminal<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await work(async (question) => (await terminal.question(visible(question))).trim());
  } finally {
    terminal.close();
  }
}

/** Asks a person to type `yes`. @throws Refusal `approval.no-terminal`. */
export async function confirmAtTerminal(question: string): Promise<boolean> {
  if (!isAtTerminal()) throw new Refusal("approval.no-terminal", "Only a person at a terminal may answer this.", {});
  const answer = await withTerminal((ask) => ask(`${question}\nType yes to agree: `));
  return answer.toLowerCase() === "yes";
}
