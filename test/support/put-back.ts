import { chmod, copyFile, lstat, mkdir, readdir, readlink, rm, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";

/** What stands at a path, without and with what even an edit that puts the times back changes. */
type Seen = { readonly kind: "directory" | "link" | "other"; readonly look: string; readonly touch: string };

/**
 * Puts a directory back to kept copies of it. What this function placed and nobody touched since stays, as most of a
 * workspace does; copies keep their times, so a file that looks the same in two of them is the same.
 */
export function putBackInto(here: string): (kept: string) => Promise<void> {
  const placed = new Map<string, Seen>();
  const listings = new Map<string, Promise<ReadonlyMap<string, Seen>>>();
  return async (kept) => {
    const listing = listings.get(kept) ?? seenBelow(kept);
    listings.set(kept, listing);
    const wanted = await listing;
    await beDirectory(here);
    const present = await seenBelow(here);
    const stays = new Set<string>();
    for (const [path, seen] of present) {
      const [want, was] = [wanted.get(path), placed.get(path)];
      const same =
        want?.kind === "directory" ? seen.kind === "directory" : want !== undefined && isUntouched(seen, was, want);
      if (same) stays.add(path);
      else await rm(join(here, path), { recursive: true, force: true });
    }
    for (const [path, want] of wanted) {
      if (stays.has(path)) continue;
      await place(join(kept, path), join(here, path), want);
      placed.set(path, await seenAt(join(here, path)));
    }
  };
}

/** The directory itself may have been moved, or exchanged for a link. */
async function beDirectory(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat?.isDirectory()) return;
  await rm(path, { force: true });
  await mkdir(path, { recursive: true });
}

function isUntouched(seen: Seen, was: Seen | undefined, want: Seen): boolean {
  return was !== undefined && seen.touch === was.touch && seen.look === want.look;
}

async function place(from: string, to: string, { kind }: Seen): Promise<void> {
  if (kind === "link") return await symlink(await readlink(from), to);
  const { mode, atime, mtime } = await lstat(from);
  if (kind === "directory") await mkdir(to, { recursive: true });
  else await copyFile(from, to);
  await chmod(to, mode & 0o7777);
  if (kind === "other") await utimes(to, atime, mtime);
}

/** Everything below a directory by relative path, parents first; nothing where there is none. */
async function seenBelow(root: string): Promise<ReadonlyMap<string, Seen>> {
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const seen = await Promise.all(names.sort().map(async (name) => [name, await seenAt(join(root, name))] as const));
  return new Map(seen);
}

async function seenAt(path: string): Promise<Seen> {
  const stat = await lstat(path);
  const kind = stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "link" : "other";
  const look = `${stat.mode} ${stat.size} ${stat.mtimeMs.toFixed(0)} ${kind === "link" ? await readlink(path) : ""}`;
  return { kind, look, touch: `${stat.ino} ${stat.mtimeMs} ${stat.ctimeMs}` };
}
