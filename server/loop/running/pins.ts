import { Refusal } from "../../errors.ts";
import { isInside, realPathOf } from "../../fs/contained.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { fileFacts, kindOf } from "../../fs/read.ts";
import type { RunState } from "../../run/state.ts";

/** Hashes the files that later stages will use. @throws Refusal `stage.evidence-missing` for one that is not there. */
export async function takePins(paths: readonly string[]): Promise<Record<string, string>> {
  const pins: Record<string, string> = {};
  for (const path of paths) {
    if ((await kindOf(path)) !== "file") {
      throw new Refusal("stage.evidence-missing", "A file that later stages need is missing.", { path });
    }
    pins[path] = await sha256OfFile(path);
  }
  return pins;
}

/**
 * Pinned files that are not what was committed: changed, with what they are now, gone, or exchanged for a link that leads
 * out of the workspace, even to the same content, which somebody could change there.
 */
export async function changedPins(state: RunState): Promise<{ path: string; now: string | undefined }[]> {
  const workspace = await realPathOf(state.plan.workspace);
  const asItIs = async (path: string) => {
    const inside = isInside(workspace, await realPathOf(path));
    return { path, now: inside && (await kindOf(path)) === "file" ? await sha256OfFile(path) : undefined };
  };
  const found: { path: string; now: string | undefined }[] = [];
  const paths = Object.keys(state.pins);
  for (let from = 0; from < paths.length; from += atOnce) {
    found.push(...(await Promise.all(paths.slice(from, from + atOnce).map(asItIs))));
  }
  return found.filter(({ path, now }) => now !== state.pins[path]);
}

/** Pins that are looked at side by side: most are small, and each costs some waits. */
const atOnce = 8;

/**
 * The same for files that somebody touched after `since`, an ISO time, and for those that are gone: what a look at a run
 * can afford, where the whole check reads every checkpoint.
 */
export async function changedSinceCommit(state: RunState, since: string) {
  const touched: Record<string, string> = {};
  for (const [path, digest] of Object.entries(state.pins)) {
    const facts = await fileFacts(path);
    if (facts === undefined || Math.max(facts.ctime_ms, facts.mtime_ms) > Date.parse(since)) touched[path] = digest;
  }
  return await changedPins({ ...state, pins: touched });
}

/** Proves that every pinned artifact still is what was committed. @throws Refusal `state.tampered` naming them. */
export async function assertPinsHold(state: RunState): Promise<void> {
  const changed = await changedPins(state);
  if (changed.length === 0) return;
  throw new Refusal("state.tampered", "Committed artifacts were changed.", changedFacts(changed));
}

/** How many files changed, and the first of them. */
export function changedFacts(changed: readonly { readonly path: string }[]) {
  return { count: changed.length, changed: changed.slice(0, 5).map(({ path }) => path) };
}
