import { isOpen, keyLists } from "../../server/data/spec-keys.ts";
import type { KnownKeys } from "./load-spec.ts";

/** Keys of the Visual ChangeNet experiment spec, as the newest TAO release that is known here reads it. */
export const changenetKeys: KnownKeys = knownKeys();

function knownKeys(): KnownKeys {
  const newest = keyLists.at(-1);
  if (newest === undefined) return {};
  const open = Object.entries(newest.sections).filter(([section]) => isOpen(newest, section));
  const childrenOf = (section: string) => {
    const start = section === "" ? "" : `${section}.`;
    const names = Object.keys(newest.keys).filter((key) => key.startsWith(start));
    return [...new Set(names.map((key) => key.slice(start.length).split(".", 1)[0] ?? ""))];
  };
  return Object.fromEntries(open.map(([section, schema]) => [section, { schema, keys: childrenOf(section) }]));
}
