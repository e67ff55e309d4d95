import { runRecordedJob } from "../exec/job-runner.ts";
import { mainPath } from "./deps.ts";
import { type CliIo, print } from "./io.ts";

/** `deft-mcp engine-job RECORD`: runs one recorded job under the embedded engine; started by the server alone. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const [record] = argv;
  if (record === undefined) {
    print(io.stderr, "usage: deft-mcp engine-job RECORD\n");
    return 2;
  }
  await runRecordedJob(record, [process.execPath, mainPath(), "engine"], io.env);
  return 0;
}
