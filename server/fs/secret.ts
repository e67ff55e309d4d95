import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";

/** Users besides its owner who may read or change a file; a system without such bits has none. */
export async function othersMay(path: string): Promise<boolean> {
  if (process.platform === "win32") return false;
  return ((await stat(path)).mode & 0o077) !== 0;
}

/** Writes a secret that nobody else may read, in place of what stood there. Its folder is made for this user alone. */
export async function writeSecret(path: string, secret: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(beside, "wx", 0o600);
    try {
      await file.writeFile(secret);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await unlink(beside).catch(() => undefined);
    throw error;
  }
}

/** The key in a file of this user's alone; made where there is none, and anew where others could have read it. */
export async function ownKey(path: string): Promise<string> {
  try {
    const key = (await readFile(path, "utf8")).trim();
    if (/^[0-9a-f]{64}$/.test(key) && !(await othersMay(path))) return key;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  const key = randomBytes(32).toString("hex");
  await writeSecret(path, `${key}\n`);
  // Of two who made one at a time, the later stands.
  return (await readFile(path, "utf8")).trim();
}
