import { basename, dirname } from "node:path";
import { listNames } from "../../fs/read.ts";

/**
 * Answers whether files exist from directory listings held in memory: training data names few directories and many
 * files. Only for as long as nothing else writes there.
 */
export function heldListings(): (path: string) => Promise<boolean> {
  const listings = new Map<string, Promise<Set<string>>>();
  return async (path) => {
    const directory = dirname(path);
    const listing = listings.get(directory) ?? listNames(directory).then((names) => new Set(names));
    listings.set(directory, listing);
    return (await listing).has(basename(path));
  };
}
