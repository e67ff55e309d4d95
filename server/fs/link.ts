import { randomBytes } from "node:crypto";
import { link, symlink, unlink } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
import { writeAtomic } from "./atomic.ts";
import { copyNew } from "./copy.ts";
import { writeFailure } from "./write-failure.ts";

/** Makes `path` a symbolic link to an absolute target; a link or file that is there already stays. */
export async function linkTo(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw writeFailure(path, error);
  }
}

/** Lets a file stand at a new path too: the same file where the file system can, else a copy. */
export async function placeFile(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!["EXDEV", "EPERM", "EMLINK", "ENOTSUP"].includes(errnoOf(error) ?? "")) throw writeFailure(to, error);
    await copyNew(from, to);
  }
}

/**
 * Creates a file that must not exist yet, whole or not at all: of many that try at once exactly one gets `true`, and
 * nobody ever sees it without its text.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function createNew(path: string, text: string): Promise<boolean> {
  const beside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  await writeAtomic(beside, text);
  try {
    await link(beside, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw writeFailure(path, error);
  } finally {
    await unlink(beside).catch(() => undefined);
  }
}
