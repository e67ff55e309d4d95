import { listNames } from "../../fs/read.ts";

export type Listings = ReturnType<typeof heldListings>;

/**
 * Answers whether files exist from directory listings held in memory: training data names few directories and many
 * files, so that a row costs no promise. Only for as long as nothing else writes there. `onRead` is told of each
 * directory before it is read.
 */
export function heldListings(onRead: (directory: string) => void = () => {}) {
  const listings = new Map<string, ReadonlySet<string>>();
  const wanted = new Set<string>();
  return {
    /** Whether a file of a normal absolute path exists; false, too, while its directory is still to be read. */
    holds(path: string): boolean {
      const slash = path.lastIndexOf("/");
      const directory = path.slice(0, slash) || "/";
      const listing = listings.get(directory);
      if (listing === undefined) wanted.add(directory);
      return listing?.has(path.slice(slash + 1)) ?? false;
    },
    /** Whether a directory that was asked for is still to be read: what was asked is then to be asked again. */
    lacks: (): boolean => wanted.size > 0,
    /** Reads them side by side: a row asks for a few. */
    async readMore(): Promise<void> {
      const directories = [...wanted];
      wanted.clear();
      for (const directory of directories) onRead(directory);
      const names = await Promise.all(directories.map(listNames));
      for (const [at, directory] of directories.entries()) listings.set(directory, new Set(names[at]));
    },
  };
}
