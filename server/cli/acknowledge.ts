import { acknowledgeWith } from "../loop/approval/acknowledge.ts";
import { refuseUnsigned } from "../loop/approval/consent.ts";
import { pendingStop } from "../loop/approval/pending-stop.ts";
import { describeAction } from "../loop/transitions.ts";
import { systemDeps, terminalCall } from "./deps.ts";
import { command, exitOk, exitRefused } from "./frame.ts";
import { print, tell } from "./io.ts";
import { runNearby } from "./nearby.ts";
import { confirmAtTerminal } from "./terminal.ts";

/** `deft-mcp acknowledge [RUN] [--accept]`: a person at this terminal accepts a repaired hard stop. */
export const run = command("acknowledge", async ({ positionals: [named], options }, io) => {
  const call = terminalCall(systemDeps(io));
  refuseUnsigned(call.deps);
  const runDir = await runNearby(named, options.workspace, call.deps, {});
  const stop = await pendingStop(runDir, call.deps);
  tell(io, io.stdout, `${runDir}\n${stop.code}: ${stop.message}\n${JSON.stringify(stop.facts, null, 2)}\n`);
  if (!(await confirmAtTerminal(options.accept ? "Accept this as it stands?" : "Is the cause repaired?"))) {
    print(io.stdout, "Not acknowledged; nothing was changed.\n");
    return exitRefused;
  }
  const done = await acknowledgeWith(runDir, stop, options.accept ? "accept" : "repaired", { how: "console" }, call);
  print(io.stdout, `Acknowledged. Next: ${describeAction(done.next)}\n`);
  return exitOk;
});
