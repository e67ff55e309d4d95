import { execa } from "execa";
import { neededModules, probeMark, probeText } from "./probe.ts";

/** Importing torch from a cold network disk takes its time. */
const probeTimeoutMs = 180_000;

/** What became of the interpreter: the lines that the probe printed, and how it ended. */
export type Probed = {
  readonly lines: readonly string[];
  readonly exit_code: number | undefined;
  readonly signal: string | undefined;
  readonly timed_out: boolean;
  /** The system's word for why nothing was started, e.g. `ENOENT`. */
  readonly errno: string | undefined;
  readonly stderr: string;
};

/** Runs the probe with an interpreter; never throws for what it says. */
export async function runProbe(python: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Probed> {
  const ended = await execa(python, ["-c", probeText, ...neededModules], {
    reject: false,
    stdin: "ignore",
    timeout: probeTimeoutMs,
    env,
    extendEnv: false,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  return {
    lines: String(ended.stdout ?? "")
      .split("\n")
      .flatMap((line) => (line.startsWith(probeMark) ? [line.slice(probeMark.length)] : [])),
    exit_code: ended.exitCode,
    signal: ended.signal,
    timed_out: ended.timedOut,
    errno: ended.exitCode === undefined && ended.signal === undefined ? ended.code : undefined,
    stderr: String(ended.stderr ?? ""),
  };
}
