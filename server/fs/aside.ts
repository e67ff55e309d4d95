import { rename } from "node:fs/promises";
import { kindOf } from "./read.ts";
import { changing } from "./write-failure.ts";

/**
 * Renames what stands at `path` to a free name beside it, so that nothing old is mistaken for new; absent is fine.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function setAside(path: string): Promise<string | undefined> {
  if ((await kindOf(path)) === "absent") return undefined;
  for (let number = 1; ; number++) {
    const aside = `${path}.attempt${number}`;
    if ((await kindOf(aside)) !== "absent") continue;
    await changing(path, () => rename(path, aside));
    return aside;
  }
}
