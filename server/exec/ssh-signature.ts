import { tmpdir } from "node:os";
import { join } from "node:path";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { withScratchFolder } from "../fs/folder.ts";
import { kindOf } from "../fs/read.ts";
import type { Env } from "../run/env.ts";
import { bareEnv } from "./program-env.ts";

/** Keeps a signature of ours from being one of git or of a file, and the other way round. */
export const namespace = "deft-mcp";

const timeLimitMs = 20_000;

/**
 * Who of the allowed signers signed a statement, by the name in their file; undefined for a signature of anybody else or
 * of another statement.
 *
 * @throws Refusal `approval.no-verifier` without `ssh-keygen` or without the file.
 */
export async function signerOf(
  statement: string,
  signature: string,
  allowedSigners: string,
  env: Env,
): Promise<string | undefined> {
  if ((await kindOf(allowedSigners)) !== "file") {
    throw new Refusal("approval.no-verifier", "The file of allowed signers is not there.", { path: allowedSigners });
  }
  return await withScratchFolder(join(tmpdir(), "deft-signature"), async (scratch) => {
    const path = join(scratch, "signature");
    await writeAtomic(path, `${signature.trim()}\n`, 0o600);
    const ask = (...args: string[]) => sshKeygen(["-Y", ...args, "-f", allowedSigners, "-s", path], statement, env);
    const found = await ask("find-principals");
    const [signer] = found.stdout.split("\n");
    if (!found.ok || !signer) return undefined;
    const { ok } = await ask("verify", "-I", signer, "-n", namespace);
    return ok ? signer : undefined;
  });
}

async function sshKeygen(args: readonly string[], input: string, env: Env) {
  const { execa } = await import("execa");
  const options = { input, reject: false, env: bareEnv(env), extendEnv: false, timeout: timeLimitMs } as const;
  const ended = await execa("ssh-keygen", args, options);
  if (ended.code === "ENOENT") {
    throw new Refusal("approval.no-verifier", "There is no ssh-keygen here to verify signatures with.", {});
  }
  return { ok: !ended.failed, stdout: String(ended.stdout) };
}
