import { signalGroup } from "../exec/detached.ts";
import { identityOf, isAlive } from "../exec/identity.ts";
import { runProgram, type Start } from "../exec/program.ts";
import { readAs } from "../fs/json.ts";
import { isoMicros } from "../run/clock.ts";
import type { Env } from "../run/env.ts";
import { type JobExit, type JobRecord, type JobSpec, jobRecordSchema, processIdentitySchema } from "../run/job.ts";
import { waitUntil } from "../run/wait.ts";
import { claimState } from "./claim.ts";
import type { Work } from "./keeper.ts";
import { askCancel, isCancelled, onceThereIsRoom, readExit, recordEnd, workFiles } from "./work.ts";

/** How long the claim of another keeper, which left this one nothing to do, may still be on its way to the disk. */
const claimGraceMs = 10_000;

/** What is started for a job, given the environment of its keeper, and what it gets beyond that environment. */
export type CommandOf = (
  spec: JobSpec,
  stem: string,
  env: Env,
) => Promise<{ readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }>;

/** The job's own arguments after some words. */
export function wordsBefore(...words: readonly string[]): CommandOf {
  return async ({ argv, env }) => ({ argv: [...words, ...argv], env });
}

/**
 * Keeps a recorded job that is a program of this very host: runs it once, ever, and writes how it ended. `afterwards`
 * clears what the program left; `start` may have started it already.
 */
export function programWork(
  commandOf: CommandOf,
  { afterwards, start }: { readonly afterwards?: (stem: string) => Promise<void>; readonly start?: Start } = {},
): Work {
  return {
    once: true,
    async run({ stem, env }) {
      const { spec } = await readAs(workFiles(stem).record, jobRecordSchema);
      const started_at = isoMicros(new Date());
      const unwanted = { outcome: "killed" as const };
      const command = await commandOf(spec, stem, env);
      const run = () => runProgram(spec, command.argv, { ...env, ...command.env }, start);
      const ended = (await isCancelled(stem)) ? unwanted : await run();
      await afterwards?.(stem);
      // Who asked tells a cancel from a stranger's signal; the program's end may be heard of before the signal.
      const cancelled = ended.outcome === "killed" && (await isCancelled(stem));
      const exit = cancelled ? { ...ended, outcome: "cancelled" as const } : ended;
      const timed = { ...exit, started_at, ended_at: isoMicros(new Date()) };
      await onceThereIsRoom(() => recordEnd(stem, timed, spec, env));
    },
  };
}

/** How such a job ended; undefined while it runs. One whose keeper died without a word is lost. */
export async function programExit(stem: string, record: JobRecord): Promise<JobExit | undefined> {
  const exit = await readExit(stem);
  if (exit) return exit;
  const claim = await claimState(stem);
  if (claim.state === "free" ? await isStarting(record) : claim.state === "held") return undefined;
  // The keeper may have written its exit between the two reads.
  const late = await readExit(stem);
  if (late) return late;
  // A keeper that died alone leaves its program behind; nobody would collect that.
  const owner = claim.state === "left" ? claim.owner : undefined;
  if (owner && (await identityOf(owner.pid)) === undefined) signalGroup(owner.pid, "SIGKILL");
  return { outcome: (await isCancelled(stem)) ? "cancelled" : "lost" };
}

/** Ends such a job: asks keeper and program, waits `graceSec`, then kills both. */
export async function cancelProgram(stem: string, graceSec: number): Promise<void> {
  await askCancel(stem);
  const claim = await claimState(stem);
  const owner = claim.state === "held" ? claim.owner : undefined;
  if (owner === undefined) return;
  signalGroup(owner.pid, "SIGTERM");
  const gone = async () => !(await isAlive(owner)) || undefined;
  const bounds = { deadline: performance.now() + graceSec * 1000 };
  if (!(await waitUntil(gone, { first_ms: 50, most_ms: 50 }, bounds))) signalGroup(owner.pid, "SIGKILL");
}

/** Whether a keeper without a claim is still on its way to one, which on a full disk may take a while. */
async function isStarting({ handle }: JobRecord): Promise<boolean> {
  // Earlier versions called it a runner.
  const keeper = processIdentitySchema.safeParse(handle?.keeper ?? handle?.runner);
  if (keeper.success && (await isAlive(keeper.data))) return true;
  const at = handle?.spawned_at_ms;
  // A clock that was put back must not make this moment last.
  return typeof at === "number" && Math.abs(Date.now() - at) < claimGraceMs;
}
