import { readAs } from "../fs/json.ts";
import { jobFiles, keepJob } from "../platforms/docker/keeper.ts";
import { jobRecordSchema } from "../run/job.ts";
import { type CliIo, print } from "./io.ts";

/** `deft-mcp docker-keeper RUN JOB CONTAINER UID:GID`: follows and bounds one container; started by the server alone. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const [runDir, jobId, containerId, ids] = argv;
  const [uid, gid] = (ids ?? "").split(":").map(Number);
  if (
    runDir === undefined ||
    jobId === undefined ||
    containerId === undefined ||
    uid === undefined ||
    gid === undefined
  ) {
    print(io.stderr, "usage: deft-mcp docker-keeper RUN JOB CONTAINER UID:GID\n");
    return 2;
  }
  const { spec } = await readAs(jobFiles(runDir, jobId).record, jobRecordSchema);
  await keepJob({ runDir, spec, containerId, user: { uid, gid }, env: io.env });
  // A follow that is still open must not hold the process once its run is gone.
  process.exit(0);
}
