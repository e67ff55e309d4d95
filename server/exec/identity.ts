import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { z } from "zod";
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

/** Who does a piece of work: a process, its host, and by what else it is known there, such as the id of a batch job. */
export const ownerSchema = z.looseObject({ ...processIdentitySchema.shape, host: z.string().optional() });
export type Owner = z.infer<typeof ownerSchema>;

/** Judges an owner on another host, of which no process can be seen from here. */
export type Elsewhere = (owner: Owner) => Promise<boolean>;

/** This process as the owner of its work. */
export async function thisOwner(marks: Readonly<Record<string, string>> = {}): Promise<Owner> {
  const identity = await identityOf(process.pid);
  if (identity === undefined) throw new Error("this process has no identity");
  return { ...marks, ...identity, host: hostname() };
}

/** What a claim names as its owner; undefined for a text that names nobody. */
export function ownerIn(text: string): Owner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Whether the owner still works. One of another host and boot is judged by `elsewhere`; without that it counts as gone,
 * because a host that was given another name and booted looks the same.
 */
export async function isOwnerAlive(owner: Owner, elsewhere: Elsewhere = async () => false): Promise<boolean> {
  const foreign = owner.host !== undefined && owner.host !== hostname() && owner.boot !== (await bootId());
  return foreign ? await elsewhere(owner) : await isAlive(owner);
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
