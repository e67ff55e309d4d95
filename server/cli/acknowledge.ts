import { parseArgs } from "node:util";
import { acknowledgeWith } from "../loop/approval/acknowledge.ts";
import { pendingStop } from "../loop/approval/pending-stop.ts";
import { describeAction } from "../loop/transitions.ts";
import { resolveRun } from "../loop/which-run.ts";
import { systemDeps, terminalCall } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { confirmAtTerminal } from "./terminal.ts";

/** `deft-mcp acknowledge [RUN] [--accept]`: a person at this terminal accepts a repaired hard stop. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { accept: { type: "boolean" } },
    allowPositionals: true,
  });
  const call = terminalCall(systemDeps(io));
  const runDir = await resolveRun({ run: positionals[0] }, call.deps);
  const stop = await pendingStop(runDir, call.deps);
  print(io.stdout, `${runDir}\n${stop.code}: ${stop.message}\n${JSON.stringify(stop.facts, null, 2)}\n`);
  const question = values.accept ? "Accept this as it stands?" : "Is the cause repaired?";
  if (!(await confirmAtTerminal(question))) {
    print(io.stdout, "Not acknowledged; nothing was changed.\n");
    return 2;
  }
  const done = await acknowledgeWith(runDir, stop, values.accept ? "accept" : "repaired", { how: "console" }, call);
  print(io.stdout, `Acknowledged. Next: ${describeAction(done.next)}\n`);
  return 0;
}
