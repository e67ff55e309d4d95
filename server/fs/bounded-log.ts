import { type FileHandle, open, rename, truncate } from "node:fs/promises";
import { writeAtomic } from "./atomic.ts";
import { readTail } from "./read.ts";
import { changing } from "./write-failure.ts";

/** Bytes that a fresh file begins with: the end of the one before, so that the end of a log lies in one file. */
const overlapBytes = 65_536;

/**
 * A log file that never grows past `limit`: then it becomes `<path>.1`, in place of an older one, and goes on in a
 * fresh file.
 */
export class BoundedLog {
  readonly #path: string;
  readonly #limit: number;
  #file: FileHandle | undefined;
  #size = 0;

  constructor(path: string, limit: number) {
    this.#path = path;
    this.#limit = limit;
  }

  /** Bytes of the file that are written. */
  get size(): number {
    return this.#size;
  }

  /** Whether the next append has to go to a fresh file. */
  get isFull(): boolean {
    return this.#size >= this.#limit;
  }

  /**
   * Opens the file and forgets what stands after `bytes`: it was written, but not noted as followed. A file that is
   * shorter was rotated since, and is kept as it is.
   */
  async open(bytes: number | undefined): Promise<void> {
    await changing(this.#path, async () => {
      this.#file = await open(this.#path, "a");
      const { size } = await this.#file.stat();
      this.#size = bytes === undefined ? size : Math.min(size, bytes);
      if (this.#size < size) await truncate(this.#path, this.#size);
    });
  }

  /** Appends and returns once it is on the disk. @throws Refusal `input.write-failed`; a part may then be there. */
  async append(data: Buffer): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new Error("the log is not open");
    await changing(this.#path, async () => {
      // A part that an earlier, failed append left would make the log lie.
      if ((await file.stat()).size > this.#size) await truncate(this.#path, this.#size);
      await file.writeFile(data);
      await file.datasync();
    });
    this.#size += data.length;
  }

  /** Moves the file aside and begins a fresh one with its last lines. */
  async rotate(): Promise<void> {
    const tail = await readTail(this.#path, overlapBytes);
    const next = `${this.#path}.next`;
    await writeAtomic(next, tail.slice(tail.indexOf("\n") + 1));
    await changing(this.#path, async () => {
      await rename(this.#path, `${this.#path}.1`);
      await rename(next, this.#path);
    });
    await this.close();
    await this.open(undefined);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}
