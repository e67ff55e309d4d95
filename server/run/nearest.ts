import { basename, dirname, join } from "node:path";
import { kindOf, listNames } from "../fs/read.ts";
import { defined } from "./defined.ts";

/**
 * What is wrong with a path that should be a folder, in words and facts: whether anything is there, and what beside it was
 * probably meant.
 */
export async function noFolder(path: string): Promise<{ message: string; facts: { path: string; nearest?: string } }> {
  if ((await kindOf(path)) !== "absent") return { message: `${path} is not a directory.`, facts: { path } };
  const beside = (await kindOf(dirname(path))) === "directory" ? await listNames(dirname(path)) : [];
  const meant = likely(basename(path), beside);
  const nearest = meant === undefined ? undefined : join(dirname(path), meant);
  const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  return { message: `There is no ${path}.${hint}`, facts: { path, ...defined({ nearest }) } };
}

/** The known name with the fewest edits to the given one. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const scored = known.map((candidate) => ({ candidate, edits: editDistance(name.toLowerCase(), candidate) }));
  scored.sort((a, b) => a.edits - b.edits);
  return scored[0]?.candidate;
}

/** The known name that was probably meant: one that contains the given one or differs in few letters. */
export function likely(name: string, known: readonly string[]): string | undefined {
  const within = name.length < 3 ? [] : known.filter((candidate) => candidate.includes(name.toLowerCase()));
  const found = nearest(name, within.length > 0 ? within : known);
  const isNear =
    within.length > 0 ||
    editDistance(name.toLowerCase(), found ?? "") <= Math.max(name.length < 4 ? 1 : 2, name.length / 3);
  return isNear ? found : undefined;
}

function editDistance(a: string, b: string): number {
  // Names beyond this are no typing errors; the bound keeps hostile input cheap.
  if (a.length > 60) return a.length;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
