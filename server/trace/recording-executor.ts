import { Refusal } from "../errors.ts";
import type { Deps } from "../ports/call.ts";
import type { Executor, Witness } from "../ports/executor.ts";
import type { Clock } from "../run/clock.ts";
import { defined } from "../run/defined.ts";
import type { JobExit, JobRecord } from "../run/job.ts";
import type { SettingValues } from "../run/platform-settings.ts";
import { readProgress } from "../stages/shared/progress.ts";
import type { NewLine } from "./format.ts";
import { readInputs } from "./job-inputs.ts";
import { collectOutputs, type Snapshot, takeSnapshot } from "./outputs.ts";
import type { Pen } from "./pen.ts";

type JobStart = Extract<NewLine, { kind: "job-start" }>;

/** The executors of a server, each writing down what it is asked and what its jobs leave. */
export function recordingExecutors(deps: Deps, pen: Pen): Deps["executors"] {
  const made = Object.entries(deps.executors).map(([platform, make]) => {
    let executor: Promise<Executor> | undefined;
    return [platform, () => (executor ??= make().then((inner) => recording(inner, deps.clock, pen)))] as const;
  });
  return Object.fromEntries(made);
}

/** The run's files when this server asked for a job to be started. */
type Begun = { readonly at: number; readonly files: Snapshot };

/** Platforms tell when a job began in whole seconds. */
const tickMs = 1000;

/** What a job left is what changed since; or, where a server that is gone had started it before, what is younger. */
function sinceStart(begun: Begun | undefined, exit: JobExit, record: JobRecord): Snapshot | number {
  const really = Date.parse(exit.started_at ?? "");
  if (begun !== undefined && !(really < begun.at - tickMs)) return begun.files;
  return Number.isNaN(really) ? Date.parse(record.created_at) : really;
}

function recording(inner: Executor, clock: Clock, pen: Pen): Executor {
  const started = new Map<string, Begun>();
  const ended = new Set<string>();
  const made = new Set<string>();
  const { look, inspect, survey, makeReady } = inner;
  const port = <T>(call: string, work: Promise<T>) => recordedPort(inner.platform, call, work, pen);
  pen.write({ kind: "port", platform: inner.platform, call: "engine", result: { value: inner.engine } });
  if (inner.trains_on !== undefined) {
    pen.write({ kind: "port", platform: inner.platform, call: "trains_on", result: { value: inner.trains_on } });
  }
  return {
    platform: inner.platform,
    engine: inner.engine,
    ...defined({ trains_on: inner.trains_on, settings: inner.settings }),
    availability: (settings) => port("availability", inner.availability(settings)),
    ...defined({
      look:
        look && ((settings: SettingValues, signal?: AbortSignal) => port("look", look.call(inner, settings, signal))),
      inspect: inspect && ((...asked: Parameters<typeof inspect>) => port("inspect", inspect.apply(inner, asked))),
      survey: survey && ((witness?: Witness) => port("survey", survey.call(inner, witness))),
      makeReady: makeReady && ((runDir: string) => port("makeReady", makeReady.call(inner, runDir))),
    }),
    async start(runDir, spec) {
      started.set(`${runDir} ${spec.id}`, { at: clock.now().getTime(), files: await takeSnapshot(runDir) });
      const line = pen.clean({ kind: "job-start", run: runDir, platform: inner.platform, spec }) as JobStart;
      const isOutput = (relative: string) => made.has(`${runDir} ${pen.cleanFile(relative)}`);
      const read = await readInputs(runDir, spec, { change: pen.cleanFile, isOutput });
      for (const { file } of read) if (file !== undefined) pen.keep(file);
      pen.write({ ...line, inputs: read.map(({ input }) => input) });
      return await inner.start(runDir, spec);
    },
    async poll(runDir, record) {
      const state = await inner.poll(runDir, record);
      const key = `${runDir} ${record.spec.id}`;
      if (state.state === "running" || ended.has(key)) return state;
      ended.add(key);
      const { exit } = state;
      const since = sinceStart(started.get(key), exit, record);
      const outputs = await collectOutputs(runDir, since, pen);
      for (const { path } of outputs) made.add(`${runDir} ${path}`);
      pen.write({ kind: "job-end", run: pen.cleanText(runDir), id: record.spec.id, exit, outputs });
      return state;
    },
    cancel: (runDir, record, graceSec) => inner.cancel(runDir, record, graceSec),
    async progress(runDir, record) {
      const progress = (await inner.progress?.(runDir, record)) ?? (await readProgress(record.spec));
      writeProgress(pen, runDir, record, progress);
      return progress;
    },
    discard: async (runDir, record) => await inner.discard?.(runDir, record),
  };
}

function writeProgress(pen: Pen, runDir: string, record: JobRecord, progress: object): void {
  pen.write(pen.clean({ kind: "job-progress", run: runDir, id: record.spec.id, progress }) as NewLine);
}

/** What a platform says of itself goes into the trace, a refusal too: a machine without it replays its words. */
async function recordedPort<T>(platform: string, call: string, work: Promise<T>, pen: Pen): Promise<T> {
  const write = (result: unknown) => pen.write(pen.clean({ kind: "port", platform, call, result }) as NewLine);
  try {
    const value = await work;
    write({ value });
    return value;
  } catch (error) {
    if (error instanceof Refusal) write({ refused: { code: error.code, message: error.message, facts: error.facts } });
    throw error;
  }
}
