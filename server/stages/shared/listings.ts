import { basename, dirname } from "node:path";
import { listNames } from "../../fs/read.ts";

/**
 * Answers whether files exist from directory listings held in memory: training data names few directories and many
 * files. Only for as long as nothing else writes there. `onRead` is told of each directory before it is read.
 */
export function heldListings(onRead: (directory: string) => void = () => {}): (path: string) => Promise<boolean> {
  const listings = new Map<string, Promise<Set<string>>>();
  const namesIn = async (directory: string) => {
    onRead(directory);
    return new Set(await listNames(directory));
  };
  return async (path) => {
    const directory = dirname(path);
    const listing = listings.get(directory) ?? namesIn(directory);
    listings.set(directory, listing);
    return (await listing).has(basename(path));
  };
}
