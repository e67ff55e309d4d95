import { approveAtConsole, resolveAgain } from "../loop/approval/approve.ts";
import { systemDeps, terminalCall } from "./deps.ts";
import { command, exitOk, exitRefused } from "./frame.ts";
import { print, tell } from "./io.ts";
import { confirmAtTerminal } from "./terminal.ts";

/** `deft-mcp approve PLAN_ID`: shows the plan and creates its run once a person at this terminal types yes. */
export const run = command("approve", async ({ positionals: [planId] }, io) => {
  const call = terminalCall(systemDeps(io));
  const resolution = await resolveAgain(planId, call);
  tell(io, io.stdout, `${resolution.summary_markdown}\n\n`);
  if (!(await confirmAtTerminal(`Approve plan ${planId}?`))) {
    print(io.stdout, "Not approved; nothing was changed.\n");
    return exitRefused;
  }
  const { runDir } = await approveAtConsole(planId, call);
  tell(io, io.stdout, `Approved. Run: ${runDir}\n`);
  return exitOk;
});
