import { readdirSync } from "node:fs";

/** How many more files this process has open after `work` was done twenty times. */
export async function leftOpenBy(work: () => Promise<unknown>): Promise<number> {
  await work();
  const before = readdirSync("/dev/fd").length;
  for (let time = 0; time < 20; time++) await work();
  return readdirSync("/dev/fd").length - before;
}
