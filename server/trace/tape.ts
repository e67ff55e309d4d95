import { relative } from "node:path";
import { type Facts, Refusal, type RefusalCode, refusals } from "../errors.ts";
import type { Clock, Ids } from "../run/clock.ts";
import type { JobExit, JobProgress } from "../run/job.ts";
import { membersOf } from "../run/record.ts";
import { redact } from "../run/redact.ts";
import type { Tape } from "../run/tape.ts";
import { blur } from "./blur.ts";
import type { JobInput, TraceLine } from "./format.ts";
import { type ReadInput, readInputs } from "./job-inputs.ts";
import type { Trace } from "./load.ts";
import { restoreOutput } from "./outputs.ts";
import { mapTexts, type Symbols } from "./symbols.ts";

type Start = Extract<TraceLine, { kind: "job-start" }>;

/** A job as it was started now, beside the recorded one if there is one. */
export type StartedJob = {
  readonly id: string;
  readonly expected: Start | undefined;
  readonly actual: unknown;
  /** What the server wrote for it now, and of what it wrote then the part that no job wrote. */
  readonly inputs: readonly ReadInput[];
  readonly recorded: readonly JobInput[] | undefined;
};

/** A trace in motion. `at` is the line that the player has reached: what lies behind it has happened. */
export type RunningTape = Tape & {
  at: number;
  /** Why the trace cannot be gone on with. The server that met it takes it for a refusal of its own. */
  fault: Refusal | undefined;
  /** Clock and chance of the connection with this first line. */
  timeOf(head: TraceLine): Time;
  /** Jobs started since the last look. */
  takeStarted(): StartedJob[];
  /** Whether the job of this line was started; two servers may have begun one job, of which the first was killed. */
  hasStarted(line: Start): boolean;
};

/** The lines of all connections in the order in which they were written. */
export function linesOf(trace: Trace): TraceLine[] {
  return trace.order.map(({ line }) => line);
}

export function tapeOf(trace: Trace, symbols: Symbols): RunningTape {
  const lines = linesOf(trace);
  const times = new Map(trace.connections.map(({ head, lines: own }) => [head as TraceLine, timeOf(head, own)]));
  const started: StartedJob[] = [];
  const known = new Set<string>();
  const restored = new Set<string>();
  const used = new Map<string, number>();
  const named = (runDir: string) => symbols.name(runDir);
  const lastBefore = <Kind extends TraceLine["kind"]>(kind: Kind, run: string, id: string, at: number) =>
    lines.findLast((line, index): line is Extract<TraceLine, { kind: Kind }> => {
      return index <= at && line.kind === kind && "run" in line && line.run === run && "id" in line && line.id === id;
    });
  const outputsOf = (run: string) => {
    const ends = lines.flatMap((line) => (line.kind === "job-end" && line.run === run ? line.outputs : []));
    const paths = new Set(ends.map(({ path }) => symbols.expand(path)));
    return (path: string) => paths.has(path);
  };
  const tape: RunningTape = {
    at: 0,
    fault: undefined,
    timeOf(head) {
      const time = times.get(head);
      if (time === undefined) throw new Error("a connection of another trace");
      return time;
    },
    hasStarted: (line) => known.has(`${line.run} ${line.spec.id}`),
    takeStarted: () => started.splice(0),
    async started(runDir, spec) {
      const run = named(runDir);
      const actual = blur(mapTexts(spec, symbols.name));
      const expected = lines.find((line): line is Start => {
        return line.kind === "job-start" && line.run === run && line.spec.id === spec.id;
      });
      const isOutput = outputsOf(run);
      const inputs = await readInputs(runDir, spec, { change: (text) => symbols.nameKnown(redact(text)), isOutput });
      const recorded = expected?.inputs?.filter(({ path }) => !isOutput(relative(runDir, symbols.expand(path))));
      known.add(`${run} ${spec.id}`);
      started.push({ id: spec.id, expected, actual, inputs, recorded });
    },
    async ended(runDir, { spec }): Promise<JobExit | undefined> {
      const end = lastBefore("job-end", named(runDir), spec.id, tape.at);
      if (end === undefined) return undefined;
      const key = `${runDir} ${spec.id}`;
      if (restored.has(key)) return end.exit;
      restored.add(key);
      for (const output of end.outputs) {
        await faultsOf(tape, () => restoreOutput(runDir, output, trace.files, symbols.expand));
      }
      return end.exit;
    },
    progress: (runDir, { spec }) =>
      lastBefore("job-progress", named(runDir), spec.id, tape.at)?.progress as JobProgress | undefined,
    knows: (platform, call) => portsOf(lines, platform, call).length > 0,
    answer(platform, call) {
      const ports = portsOf(lines, platform, call);
      const count = used.get(`${platform} ${call}`) ?? 0;
      used.set(`${platform} ${call}`, count + 1);
      const answer = membersOf(ports[Math.min(count, ports.length - 1)]?.result);
      if ("value" in answer) return mapTexts(answer.value, symbols.expand);
      const refusal = refusalOf(mapTexts(answer.refused, symbols.expand), { platform, call });
      if (refusal.code === "trace.unusable") tape.fault ??= refusal;
      throw refusal;
    },
  };
  return tape;
}

function portsOf(lines: readonly TraceLine[], platform: string, call: string) {
  return lines.flatMap((line) =>
    line.kind === "port" && line.platform === platform && line.call === call ? [line] : [],
  );
}

function refusalOf(recorded: unknown, asked: Facts): Refusal {
  const { code, message, facts } = membersOf(recorded);
  if (typeof code === "string" && code in refusals) {
    return new Refusal(code as RefusalCode, String(message), membersOf(facts));
  }
  return new Refusal("trace.unusable", "The trace does not say what the platform answered.", { ...asked, code });
}

/** Keeps what a piece of work finds wrong with the trace. */
export async function faultsOf<T>(tape: Pick<RunningTape, "fault">, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal && error.code === "trace.unusable") tape.fault ??= error;
    throw error;
  }
}

/** Clock and chance of one connection. */
export type Time = {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Puts time to where it was when the request of this line came. */
  wind(line: TraceLine): void;
};

/**
 * Clock and chance as recorded: each call reads again what was read then, so runs and stage directories get the same
 * names. A call that asks more often than the recorded one hears the last answer again.
 */
function timeOf(head: { readonly started_at: string }, lines: readonly TraceLine[]): Time {
  const base = Date.parse(head.started_at);
  let last = base;
  let count = 0;
  let nows: number[] = [];
  let tokens: string[] = [];
  return {
    wind(line) {
      const at = lines.indexOf(line);
      const next = lines.findIndex((one, index) => index > at && one.kind === "request");
      const own = lines.slice(at + 1, next < 0 ? undefined : next + 1);
      nows = own.flatMap(({ now }) => now ?? []).map((offset) => base + offset);
      tokens = own.flatMap(({ ids }) => ids ?? []);
      last = nows[0] ?? last;
    },
    clock: {
      now() {
        last = nows.shift() ?? last;
        return new Date(last);
      },
    },
    ids: { hex: (length: number) => (tokens.shift() ?? String(++count)).padStart(length, "0").slice(0, length) },
  };
}
