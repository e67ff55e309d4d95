import { quoted } from "../errors.ts";
import { canonicalJson, sha256 } from "../fs/hash.ts";
import type { LogEntry, RunState } from "../run/state.ts";
import { keptOf } from "./settled.ts";

/** Digest that an entry carries when there is none before it. */
export const genesis = "";

/** sha256 of the state without the keys that change outside a commit: `pending`, `integrity`, `jobs`. */
export function stateDigest(state: RunState): string {
  const { iterations } = state;
  const textOf = (part: unknown) => (part === iterations ? canonicalJson(part, canonicalPart) : canonicalJson(part));
  return keptOf(state, "digest", () => sha256(canonicalJson(sealedKeys(state), textOf)));
}

function canonicalPart(part: unknown): string {
  return keptOf(part, "text", () => canonicalJson(part));
}

function sealedKeys(state: RunState): Omit<RunState, "pending" | "integrity" | "jobs"> {
  const { pending: _pending, integrity: _integrity, jobs: _jobs, ...rest } = state as RunState & { jobs?: unknown };
  return rest;
}

/** Short digests of the parts of a state that an edit can be named by: its keys, and each iteration for itself. */
export function partDigests(state: RunState): Record<string, string> {
  const { iterations, ...rest } = sealedKeys(state);
  const labelled = Object.entries(iterations ?? {}).map(([label, part]) => [`iterations.${label}`, part] as const);
  const parts = [...Object.entries(rest).filter(([, part]) => part !== undefined), ...labelled];
  const digestOf = (part: unknown) => keptOf(part, "digest", () => sha256(canonicalPart(part)).slice(0, 16));
  return Object.fromEntries(parts.map(([name, part]) => [name, digestOf(part)]));
}

const partsShown = 8;

/** Which parts of a state are not what was sealed, for a person; a state of before parts were kept names none. */
function editedState(state: RunState, sealed: Integrity["parts"]): IntegrityFinding {
  const what = "deft_state.json was edited";
  if (sealed === undefined) return { ok: false, what, facts: {} };
  const now = partDigests(state);
  const names = [...new Set([...Object.keys(sealed), ...Object.keys(now)])];
  const changed = names.filter((name) => now[name] !== sealed[name]).map((name) => quoted(name));
  if (changed.length === 0) return { ok: false, what, facts: {} };
  const shown = changed.slice(0, partsShown);
  return { ok: false, what: `${what}: ${shown.join(", ")}`, facts: { changed: shown } };
}

/**
 * sha256 of an entry chained to the one before it. Tokens are left out: they are backfilled once, after the loop.
 */
export function entryDigest(entry: LogEntry, previousDigest: string): string {
  const {
    entry_digest: _digest,
    tokens: _tokens,
    context_tokens: _context,
    ...rest
  } = entry as LogEntry & { tokens?: unknown };
  return sha256(`${previousDigest}\n${canonicalJson(rest)}`);
}

/** What somebody changed behind the server's back; `ok` when nothing. */
export type IntegrityFinding = { ok: true } | { ok: false; what: string; facts: Record<string, unknown> };

type Integrity = NonNullable<RunState["integrity"]>;

/** A point of the log from which the chain is checked: its beginning, or what a human last accepted as it stood. */
export function acceptAsBase(entries: readonly LogEntry[]): NonNullable<Integrity["base"]> {
  return { entries: entries.length, last_seq: entries.at(-1)?.seq ?? 0, digest: prefixDigest(entries) };
}

/** Digest of the last entry, or of the accepted beginning when nothing follows it. */
export function headDigest(last: LogEntry | undefined, base: Integrity["base"]): string {
  if (base && (last?.seq ?? 0) === base.last_seq) return base.digest;
  return last?.entry_digest ?? genesis;
}

/**
 * Holds a state and its log against their digests: the whole log, or what follows the entry `after`.
 *
 * Sees edited states and entries, removed, added, repeated or reordered lines, and a state replaced by an older copy.
 */
export function checkIntegrity(state: RunState, entries: readonly LogEntry[], after?: LogEntry): IntegrityFinding {
  const kept = state.integrity;
  if (kept === undefined) return { ok: false, what: "deft_state.json lost its integrity record", facts: {} };
  if (stateDigest(state) !== kept.state_digest) return editedState(state, kept.parts);
  const base = kept.base ?? { entries: 0, last_seq: 0, digest: genesis };
  if (after === undefined && base.entries > 0 && prefixDigest(entries.slice(0, base.entries)) !== base.digest) {
    return { ok: false, what: "accepted lines of loop_log.jsonl were edited", facts: { entries: base.entries } };
  }
  let seq = after?.seq ?? base.last_seq;
  let digest = after === undefined ? base.digest : headDigest(after, base);
  for (const entry of after === undefined ? entries.slice(base.entries) : entries) {
    seq += 1;
    if (entry.seq !== seq) {
      const facts = { expected_seq: seq, found_seq: entry.seq };
      return { ok: false, what: "loop_log.jsonl lost, gained or repeats a line", facts };
    }
    digest = entryDigest(entry, digest);
    if (entry.entry_digest !== digest) {
      return { ok: false, what: "an entry of loop_log.jsonl was edited", facts: { seq } };
    }
  }
  if (seq === kept.head_seq && digest === kept.head_digest) return { ok: true };
  const what =
    seq < kept.head_seq ? "loop_log.jsonl lost its last lines" : "deft_state.json was replaced by an older copy";
  return { ok: false, what, facts: { last_seq: seq, recorded_last_seq: kept.head_seq } };
}

function prefixDigest(entries: readonly LogEntry[]): string {
  return entries.reduce((digest, entry) => entryDigest(entry, digest), genesis);
}
