import { readAs } from "../fs/json.ts";
import { keepTask } from "../platforms/osmo/keeper.ts";
import { osmoFiles } from "../platforms/osmo/record.ts";
import { jobRecordSchema } from "../run/job.ts";
import { type CliIo, print } from "./io.ts";

/** `deft-mcp osmo-keeper RUN JOB`: takes one recorded job through its life on OSMO; started by the server alone. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const [runDir, jobId] = argv;
  if (runDir === undefined || jobId === undefined) {
    print(io.stderr, "usage: deft-mcp osmo-keeper RUN JOB\n");
    return 2;
  }
  const record = await readAs(osmoFiles(runDir, jobId).record, jobRecordSchema);
  await keepTask({ runDir, record, env: io.env });
  return 0;
}
