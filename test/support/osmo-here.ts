import { type OsmoRun, type RunOsmo, runOsmo } from "../../server/exec/osmo/cli.ts";
import { osmo } from "../fixtures/bin/osmo-stand-in.mjs";

/**
 * Runs the stand-in `bin` of the OSMO CLI inside the test process; another executable that a test names is really
 * started.
 */
export function osmoHere(bin: string): RunOsmo {
  return async (argv, options): Promise<OsmoRun> => {
    if (options.env.DEFT_OSMO_BIN !== bin) return await runOsmo(argv, options);
    const limit = AbortSignal.timeout(options.timeout_ms);
    const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
    const { code, stdout, stderr } = await osmo([...argv], { env: options.env, signal });
    const stopped = limit.aborted ? "timeout" : "stopped";
    return { outcome: signal.aborted ? stopped : "exited", exit_code: code, stdout, stderr };
  };
}
