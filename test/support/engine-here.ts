import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runEngine } from "../../engine/main.ts";
import { noteOutput } from "../../server/exec/job-output.ts";
import { kindOf } from "../../server/fs/read.ts";
import type { Executor } from "../../server/ports/executor.ts";
import type { JobExit, JobSpec } from "../../server/run/job.ts";
import { runPaths } from "../../server/run/paths.ts";

/** Takes a job's place: what it does instead of the engine, and how it says it ended. */
export type Stand = (spec: JobSpec, run: () => Promise<JobExit>) => Promise<JobExit>;

/** Runs the embedded engine inside the test process: real work and real files, without a process for each job. */
export function engineHere(stand: Stand = (_spec, run) => run(), env: Record<string, string> = {}): Executor {
  const exits = new Map<string, JobExit>();
  return {
    platform: "embedded",
    engine: "deft-mcp embedded engine test",
    availability: async () => ({ available: true, detail: "CPU" }),
    async start(runDir, spec) {
      const key = `${runDir}/${spec.id}`;
      if (exits.has(key)) return { started: spec.id };
      exits.set(key, await stand(spec, () => runHere(spec)));
      // A stand may have noted the end itself, to change something after it.
      const stem = join(runPaths(runDir).jobs, spec.id);
      if ((await kindOf(`${stem}.output`)) === "absent") await noteOutput(`${stem}.json`, spec, env);
      return { started: spec.id };
    },
    async poll(runDir, record) {
      const exit = exits.get(`${runDir}/${record.spec.id}`);
      return { state: "ended", exit: exit ?? { outcome: "lost" } };
    },
    async cancel() {},
    async discard() {},
  };
}

/** What computes again, to prove a figure, is lent none. */
function sharedFeatures({ afresh }: JobSpec): Record<string, string> {
  const { DEFT_TEST_SHARED: shared } = process.env;
  return afresh || !shared
    ? {}
    : { DEFT_ENGINE_CACHE: join(shared, "features"), DEFT_ENGINE_CACHE_KEY: "of the tests" };
}

async function runHere(spec: JobSpec): Promise<JobExit> {
  const pieces: string[] = [];
  const stream = { write: (text: string | Uint8Array) => pieces.push(String(text)) > 0 };
  await mkdir(dirname(spec.log_path), { recursive: true });
  const io = { stdout: stream, stderr: stream, env: { ...spec.env, ...sharedFeatures(spec) }, cwd: spec.workdir };
  const exit_code = await runEngine(spec.argv, io as Parameters<typeof runEngine>[1]);
  await writeFile(spec.log_path, pieces.join(""));
  return { outcome: "exited", exit_code };
}
