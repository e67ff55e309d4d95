import { join } from "node:path";
import { Refusal } from "../errors.ts";
import { packageRoot } from "../fs/package-root.ts";
import { kindOf, readTextIfPresent } from "../fs/read.ts";

const manifest = "dist/shipped.json";

/**
 * Makes sure that everything the build put beside the program is still there, so that a run does not find out half-way.
 * Code run from its source ships nothing.
 *
 * @throws Refusal `install.incomplete` naming what is missing.
 */
export async function assertComplete(): Promise<void> {
  if (import.meta.url.endsWith(".ts")) return;
  const root = await packageRoot();
  const missing = await missingFiles(root);
  if (missing.length === 0) return;
  const facts = { package: root, count: missing.length, missing: missing.slice(0, 8) };
  throw new Refusal("install.incomplete", "Files of this installation are missing.", facts);
}

/** Paths of the manifest, and the manifest itself, that are not below `root`. */
export async function missingFiles(root: string): Promise<string[]> {
  const text = await readTextIfPresent(join(root, manifest));
  if (text === undefined) return [manifest];
  const shipped = JSON.parse(text) as string[];
  const kinds = await Promise.all(shipped.map((path) => kindOf(join(root, path))));
  return shipped.filter((_, index) => kinds[index] !== "file");
}
