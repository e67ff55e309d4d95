import { randomBytes } from "node:crypto";
import { link, open, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../errors.ts";
import { syncDirectory } from "./atomic.ts";
import { changing } from "./write-failure.ts";

/** What a file system without hard links answers. */
const noLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/**
 * Creates a file that must not exist yet, whole or not at all: of many that try at once exactly one gets `true`, and
 * nobody ever sees it without its text.
 *
 * @throws Refusal `input.write-failed`; nothing is left behind.
 */
export async function createNew(path: string, text: string): Promise<boolean> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  return await changing(path, async () => {
    try {
      await writeNew(temporary, text);
      try {
        await link(temporary, path);
      } catch (error) {
        if (!noLinks.includes(errnoOf(error) ?? "")) throw error;
        await writeNew(path, text);
      }
      await syncDirectory(dirname(path));
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw error;
    } finally {
      await unlink(temporary).catch(() => undefined);
    }
  });
}

/** A file that a full disk leaves empty is taken back. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}
