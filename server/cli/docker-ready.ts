import { prepareRun } from "../platforms/docker/ready.ts";
import { type CliIo, print } from "./io.ts";

/** `deft-mcp docker-ready RUN`: puts right what the approved plan of a run names; started by the server alone. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const [runDir] = argv;
  if (runDir === undefined) {
    print(io.stderr, "usage: deft-mcp docker-ready RUN\n");
    return 2;
  }
  await prepareRun(runDir, io.env);
  return 0;
}
