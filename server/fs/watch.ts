import { watch } from "node:fs";
import { basename, dirname } from "node:path";

/**
 * Tells of each change of a file, which need not be there, until the returned function is called. Where the system cannot
 * tell, on a network disk say, nothing is told.
 */
export function watchFile(path: string, onChange: () => void): () => void {
  try {
    const watcher = watch(dirname(path), (_event, name) => {
      if (name === basename(path)) onChange();
    });
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => undefined;
  }
}
