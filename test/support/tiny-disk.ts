import { execFile } from "node:child_process";
import { open, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A file system of its own, a few megabytes large, that can be filled to the last page and made read-only. */
export type TinyDisk = {
  readonly path: string;
  /** Leaves room for so many pages and no more. */
  fill(freePages?: number): Promise<void>;
  empty(): Promise<void>;
  readOnly(on: boolean): Promise<void>;
  remove(): Promise<void>;
};

/** Mounts a tmpfs at an existing directory. It takes root and the right to mount; without them it says so. */
export async function tinyDisk(path: string, size: string): Promise<TinyDisk> {
  const mounted = ["-t", "tmpfs", "-o", `size=${size},mode=0755`, "deft-test", path];
  await run("mount", mounted).catch((error) => {
    throw new Error(`these tests mount a small tmpfs, which needs root and the right to mount: ${error.message}`);
  });
  const filler = join(path, ".filler");
  return {
    path,
    async fill(freePages = 0) {
      await rm(filler, { force: true });
      await writeFile(filler, "");
      const { bavail, bsize } = await statfs(path);
      const file = await open(filler, "r+");
      try {
        const bytes = Math.max(0, bavail - freePages) * bsize;
        for (let at = 0; at < bytes; at += 1 << 20) await file.write(Buffer.alloc(Math.min(1 << 20, bytes - at), 1));
      } finally {
        await file.close();
      }
    },
    empty: () => rm(filler, { force: true }),
    async readOnly(on) {
      await run("mount", ["-o", `remount,${on ? "ro" : "rw"}`, path]);
    },
    async remove() {
      await run("umount", ["--lazy", path]);
    },
  };
}
