import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { signalGroup, spawnDetached } from "../../exec/detached.ts";
import { identityOf, isAlive } from "../../exec/identity.ts";
import { runnerFiles } from "../../exec/job-runner.ts";
import { withoutSecrets } from "../../exec/program-env.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { parseJson, readAsIfPresent } from "../../fs/json.ts";
import { fileFacts, readTextIfPresent } from "../../fs/read.ts";
import type { Executor } from "../../ports/executor.ts";
import {
  type JobExit,
  type JobRecord,
  jobExitSchema,
  type ProcessIdentity,
  processIdentitySchema,
} from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";

/** How long the claim of another runner, which left this one nothing to do, may still be on its way to the disk. */
const claimGraceMs = 10_000;

/**
 * Runs jobs on this host's CPU with the embedded engine, each under a tiny runner in its own session.
 *
 * `main` is the bin that the runner is started from; it carries the subcommands `engine-job` and `engine`.
 */
export function embeddedExecutor(options: { main: string; version: string; env: NodeJS.ProcessEnv }): Executor {
  const recordPath = (runDir: string, id: string) => runPaths(runDir).jobRecord(id);
  return {
    platform: "embedded",
    engine: `deft-mcp embedded engine ${options.version}`,
    async availability() {
      return { available: true, detail: `CPU, ${availableParallelism()} cores` };
    },
    async start(runDir, spec) {
      const path = recordPath(runDir, spec.id);
      const cache = runPaths(runDir).cache;
      await makeDirectory(cache);
      const env = { ...withoutSecrets(options.env), DEFT_ENGINE_CACHE: cache };
      const log = join(runPaths(runDir).jobs, "runner.log");
      const pid = spawnDetached([process.execPath, options.main, "engine-job", path], {
        cwd: runDir,
        env,
        logPath: log,
      });
      const runner = pid === undefined ? undefined : await identityOf(pid);
      return { pid, spawned_at_ms: Date.now(), ...(runner === undefined ? {} : { runner }) };
    },
    async poll(runDir, record) {
      const files = runnerFiles(recordPath(runDir, record.spec.id));
      const exit = await readExit(files.exit);
      if (exit) return { state: "ended", exit };
      const claimed = await readClaim(files.claim);
      if (claimed ? await isAlive(claimed) : await isStarting(record)) return { state: "running" };
      // The runner may have written its exit between the two reads.
      const late = await readExit(files.exit);
      if (late) return { state: "ended", exit: late };
      // A runner that died alone leaves its program behind; nobody would collect that.
      if (claimed && (await identityOf(claimed.pid)) === undefined) signalGroup(claimed.pid, "SIGKILL");
      const cancelled = (await fileFacts(files.cancel)) !== undefined;
      return { state: "ended", exit: { outcome: cancelled ? "cancelled" : "lost" } };
    },
    async cancel(runDir, record, graceSec) {
      const files = runnerFiles(recordPath(runDir, record.spec.id));
      await writeAtomic(files.cancel, "");
      const claimed = await readClaim(files.claim);
      if (!claimed || !(await isAlive(claimed))) return;
      signalGroup(claimed.pid, "SIGTERM");
      const deadline = performance.now() + graceSec * 1000;
      while (performance.now() < deadline && (await isAlive(claimed))) await sleep(50);
      if (await isAlive(claimed)) signalGroup(claimed.pid, "SIGKILL");
    },
    async discard() {
      // The records are the only trace; they stay as evidence.
    },
  };
}

/** Whether a runner without a claim is still on its way to one, which on a full disk may take a while. */
async function isStarting({ handle }: JobRecord): Promise<boolean> {
  const runner = processIdentitySchema.safeParse(handle?.runner);
  if (runner.success && (await isAlive(runner.data))) return true;
  const at = handle?.spawned_at_ms;
  // A clock that was put back must not make this moment last.
  return typeof at === "number" && Math.abs(Date.now() - at) < claimGraceMs;
}

async function readExit(path: string): Promise<JobExit | undefined> {
  return await readAsIfPresent(path, jobExitSchema);
}

async function readClaim(path: string): Promise<ProcessIdentity | undefined> {
  const text = await readTextIfPresent(path);
  // An empty claim belongs to a runner that is just writing it.
  if (text === undefined || text === "") return undefined;
  return processIdentitySchema.parse(parseJson(text));
}
