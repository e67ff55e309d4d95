import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "@jest/globals";

/** Returns a maker of temporary folders; they are removed after each test of the file that calls this. */
export function temporaryFolders(): () => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const folder of made.splice(0))
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), "deft-"));
    made.push(folder);
    return folder;
  };
}

/** One temporary folder for all tests of the file that calls this, for what is dear to make; removed at the end. */
export function folderOfFile(): { readonly path: string } {
  const folder = { path: "" };
  beforeAll(async () => {
    folder.path = await mkdtemp(join(tmpdir(), "deft-"));
  });
  afterAll(() => rm(folder.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  return folder;
}
