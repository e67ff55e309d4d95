import { createInterface } from "node:readline";

/** Stands for what a program that is started ahead is told later, as a line on its standard input. */
export const follows = "-";

/** That line; undefined where nobody is left who would write it. */
export async function awaitedLine(): Promise<string | undefined> {
  for await (const line of createInterface(process.stdin)) return line;
  return undefined;
}
