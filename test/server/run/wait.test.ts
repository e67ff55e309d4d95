import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readTextIfPresent } from "../../../server/fs/read.ts";
import { waitUntil } from "../../../server/run/wait.ts";
import { temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();
/** Longer than a test may take. */
const never = { first_ms: 3_600_000, most_ms: 3_600_000 };

describe("a wait for a file", () => {
  it("ends with a rename to it, whatever the pace", async () => {
    const folder = await temporaryFolder();
    const [file, beside] = [join(folder, "job.exit"), join(folder, ".job.exit.tmp")];
    let looks = 0;
    const look = async () => {
      const found = await readTextIfPresent(file);
      // After the first look, so that the pause has begun or is about to.
      if (looks++ === 0) void writeFile(beside, "ended").then(() => rename(beside, file));
      return found;
    };
    expect(await waitUntil(look, never, { file })).toBe("ended");
    expect(looks).toBe(2);
  });

  it("goes by the pace where nobody can tell of changes", async () => {
    const file = join(await temporaryFolder(), "nowhere", "job.exit");
    let looks = 0;
    expect(
      await waitUntil(async () => (++looks === 3 ? looks : undefined), { first_ms: 1, most_ms: 1 }, { file }),
    ).toBe(3);
  });

  it("ends when its signal is aborted, with a last look", async () => {
    const stop = new AbortController();
    const lasts: boolean[] = [];
    const look = async (last: boolean) => {
      lasts.push(last);
      if (!last) setImmediate(() => stop.abort());
      return undefined;
    };
    expect(await waitUntil(look, never, { signal: stop.signal })).toBeUndefined();
    expect(lasts).toEqual([false, true]);
  });
});
