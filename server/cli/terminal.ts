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

/** Asks a person for yes or no, where no is harmless: `y` is enough. */
export async function agreed(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await withTerminal((ask) => ask(`${question} [y/N] `)));
}

/** Asks a person to type `yes`; who types half of it is asked once more. @throws Refusal `approval.no-terminal`. */
export async function confirmAtTerminal(question: string): Promise<boolean> {
  if (!isAtTerminal()) throw new Refusal("approval.no-terminal", "Only a person at a terminal may answer this.", {});
  return await withTerminal(async (ask) => {
    const first = await ask(`${question}\nType yes to agree: `);
    const answer = /^(ye?|ok|sure)$/i.test(first) ? await ask("The whole word, please, yes or no: ") : first;
    return answer.toLowerCase() === "yes";
  });
}
