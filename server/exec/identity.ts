import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type ProcessIdentity, processIdentitySchema } from "../run/job.ts";

const run = promisify(execFile);

/**
 * Identity of a live process that pid reuse and reboots cannot imitate, or undefined when no such process runs.
 *
 * Linux: start time in clock ticks from /proc and the boot id. Elsewhere: the start time that `ps` prints.
 */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const start = process.platform === "linux" ? await startTicks(pid) : await startFromPs(pid);
  return start === undefined ? undefined : { pid, start, boot: await bootId() };
}

/** Whether the very process that the identity names still runs on this host. Zombies count as ended. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identityOf(identity.pid);
  return now !== undefined && now.start === identity.start && now.boot === identity.boot;
}

/** Whether what a claim names as its owner, read back as JSON, is a process that still runs on this host. */
export async function isOwnerAlive(owner: unknown): Promise<boolean> {
  const identity = processIdentitySchema.safeParse(owner);
  return identity.success && (await isAlive(identity.data));
}

async function startTicks(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The command name may hold blanks and parentheses: fields are counted from the last parenthesis.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

async function startFromPs(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await run("ps", ["-o", "lstart=,stat=", "-p", String(pid)]);
    const line = stdout.trim();
    return line === "" || /\sZ\S*$/.test(line) ? undefined : line.replace(/\s+\S+$/, "");
  } catch {
    return undefined;
  }
}

let boot: Promise<string> | undefined;

function bootId(): Promise<string> {
  boot ??= readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => "unknown",
  );
  return boot;
}
