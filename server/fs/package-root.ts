import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readTextIfPresent } from "./read.ts";

let found: Promise<string> | undefined;

/** The folder of this package, whether the code runs from its source or from the bundle; shipped files lie below it. */
export function packageRoot(): Promise<string> {
  found ??= search(dirname(fileURLToPath(import.meta.url)));
  return found;
}

async function search(folder: string): Promise<string> {
  const text = await readTextIfPresent(join(folder, "package.json"));
  if (text !== undefined && (JSON.parse(text) as { name?: string }).name === "deft-mcp") return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("the program does not lie in its package; reinstall deft-mcp");
  return await search(parent);
}
