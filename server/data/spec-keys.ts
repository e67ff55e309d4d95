import keys70 from "./spec-keys/7.0.json" with { type: "json" };
import keys71 from "./spec-keys/7.1.json" with { type: "json" };
import keys73 from "./spec-keys/7.3.json" with { type: "json" };

/** What a TAO release makes of one key of a Visual ChangeNet spec. */
export type KeyFacts = {
  /** `section`, `int`, `float`, `bool`, `str`, `any`, `list[int]`, `dict[str,int]` and the like. */
  readonly type: string;
  readonly optional?: boolean;
  readonly mandatory?: boolean;
  readonly default?: unknown;
  readonly values?: readonly string[];
};

/** The keys that some releases read, made from their own dataclasses by `scripts/spec-keys/generate.py`. */
export type KeyList = {
  readonly releases: readonly string[];
  /** Dataclass by dotted path; a section that has keys of its own in `keys` takes no other. */
  readonly sections: Readonly<Record<string, string>>;
  readonly keys: Readonly<Record<string, KeyFacts>>;
  /** Metrics that a training logs, which are those that a checkpointer can monitor. */
  readonly metrics: readonly string[];
};

/** Oldest first. */
export const keyLists: readonly KeyList[] = [keys70, keys71, keys73];

/** The key list that applies, and how sure that is. */
export type Release = {
  readonly list: KeyList;
  /** `7.1`; of an unknown release the newest that has a list. */
  readonly release: string;
  /** False when the newest list stands in for a release that has none, or that nothing names. */
  readonly known: boolean;
};

/**
 * The release of an image reference (`.../tao-toolkit:7.1.0-pyt`) or of a version (`7.1.0`). A digest, a tag without a
 * number, or a release without a list gets the newest list, not `known`.
 */
export function releaseOf(named: string | undefined): Release {
  const number = /^(?:.*:)?v?(\d+\.\d+)(?:[.\-+]|$)/.exec(named?.replace(/@sha256:.*$/, "") ?? "")?.[1];
  const list = keyLists.find(({ releases }) => number !== undefined && releases.includes(number));
  if (list !== undefined && number !== undefined) return { list, release: number, known: true };
  const newest = keyLists.at(-1) as KeyList;
  return { list: newest, release: newest.releases.at(-1) ?? "", known: false };
}

/** Whether the release spells out what a section holds; of a closed one only the name is known. */
export function isOpen(list: KeyList, section: string): boolean {
  return section === "" || Object.keys(list.keys).some((key) => key.startsWith(`${section}.`));
}
