import { basename, dirname, join } from "node:path";
import { type Elsewhere, isOwnerAlive, type Owner, ownerIn, thisOwner } from "../exec/identity.ts";
import { createNew } from "../fs/compare-and-set.ts";
import { fileFacts, kindOf, listNames, readTextIfPresent } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";

/**
 * `<stem>.claim`, and `<stem>.claim.2` and on for successors. The other names are those that earlier versions wrote,
 * whose processes may still work.
 */
const claimName = /^(?:claim(?:\.(\d+))?|(?:keeper|osmo-keeper|turn|watcher|measuring)\.(\d+))$/;

/** A claim that names nobody for longer belongs to a process that died while it wrote it. */
const writingMs = 10_000;

export type Claim = { release(): Promise<void> };

export type ClaimState =
  /** Nobody ever claimed the work, or whoever did gave it back. */
  | { readonly state: "free" }
  /** A live process has it; it is not known which while its claim is being written. */
  | { readonly state: "held"; readonly owner?: Owner }
  /** Its owner died. */
  | { readonly state: "left"; readonly owner?: Owner };

export type ClaimOptions = {
  /** Work that must never start twice: a dead owner has no successor. */
  readonly once?: boolean;
  /** What else the owner is known by. */
  readonly marks?: Readonly<Record<string, string>>;
  readonly elsewhere?: Elsewhere;
};

/**
 * Claims a piece of work for this process, or returns undefined when it is not to be had: a live process has it or, of
 * work that starts once, anybody ever had.
 *
 * Claims are numbered files, and the highest counts. A dead owner's stays, so that of all that want to follow it exactly
 * one creates the next.
 *
 * @throws Refusal `input.write-failed` when the disk takes no file.
 */
export async function takeClaim(stem: string, options: ClaimOptions = {}): Promise<Claim | undefined> {
  const last = await lastClaim(stem);
  if (last !== undefined) {
    if (options.once === true || (await stateOf(last.path, options)).state === "held") return undefined;
    // It was given back while it was looked at: its number is free for whoever looks now, so the next one is not.
    if ((await kindOf(last.path)) === "absent") return await takeClaim(stem, options);
  }
  const turn = (last?.turn ?? 0) + 1;
  const path = turn === 1 ? `${stem}.claim` : `${stem}.claim.${turn}`;
  if (!(await createNew(path, JSON.stringify(await thisOwner(options.marks))))) return undefined;
  return { release: () => removeIfPresent(path).catch(() => undefined) };
}

/** Who has a piece of work now. */
export async function claimState(stem: string, options: Pick<ClaimOptions, "elsewhere"> = {}): Promise<ClaimState> {
  const last = await lastClaim(stem);
  return last === undefined ? { state: "free" } : await stateOf(last.path, options);
}

async function lastClaim(stem: string): Promise<{ path: string; turn: number } | undefined> {
  const start = `${basename(stem)}.`;
  const names = (await listNames(dirname(stem))).filter((name) => name.startsWith(start));
  const claims = names.flatMap((name) => {
    const found = claimName.exec(name.slice(start.length));
    return found === null ? [] : [{ path: join(dirname(stem), name), turn: Number(found[1] ?? found[2] ?? 1) }];
  });
  return claims.sort((a, b) => b.turn - a.turn)[0];
}

async function stateOf(path: string, { elsewhere }: Pick<ClaimOptions, "elsewhere">): Promise<ClaimState> {
  const text = await readTextIfPresent(path);
  if (text === undefined) return { state: "free" };
  const owner = ownerIn(text);
  if (owner !== undefined) return { state: (await isOwnerAlive(owner, elsewhere)) ? "held" : "left", owner };
  const { mtime_ms = 0 } = (await fileFacts(path)) ?? {};
  return { state: Math.abs(Date.now() - mtime_ms) < writingMs ? "held" : "left" };
}
