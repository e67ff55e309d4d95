import type { Refusal } from "../../../server/errors.ts";

/** What a person sees of a refusal, with the folders of a test by name and without what differs from run to run. */
export function seenOf(refusal: Refusal, folders: Readonly<Record<string, string>>): string {
  let plain = `${refusal.code}: ${refusal.message}\nNext: ${refusal.remedy}`;
  for (const [name, path] of Object.entries(folders)) plain = plain.replaceAll(path, name);
  return plain
    .replace(/sha256:[0-9a-f]+/g, "sha256:ID")
    .replace(/deft-contract-[0-9a-f]+/g, "deft-contract")
    .replace(/\b[0-9a-f]{12}\b/g, "ID");
}
