import { setTimeout as sleep } from "node:timers/promises";
import { keepWatch } from "../osmo/watcher.ts";
import { systemDeps, terminalCall } from "./deps.ts";
import { type CliIo, print } from "./io.ts";

/** `deft-mcp osmo-watcher WORKFLOW [SECONDS]`: watches one workflow to its end; started by `osmo watch --detach` alone. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const [workflowId, every] = argv;
  if (workflowId === undefined) {
    print(io.stderr, "usage: deft-mcp osmo-watcher WORKFLOW [SECONDS]\n");
    return 2;
  }
  await keepWatch(terminalCall(systemDeps(io)), workflowId, {
    every_sec: every === undefined ? undefined : Number(every),
    sleep: (seconds) => sleep(seconds * 1000),
    onChange: (line) => print(io.stdout, `${line.at} ${line.status_line}\n`),
  });
  return 0;
}
