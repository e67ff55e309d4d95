import { version } from "../run/version.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk } from "./outcome.ts";

const text = `deft-mcp ${version}: the DEFT AOI improvement loop as MCP tools, with the rules kept by the server

  deft-mcp                      serve MCP on stdin and stdout (what an MCP client starts)
  deft-mcp serve --http PORT    serve it over HTTP, for several clients
  deft-mcp demo                 run a whole loop on generated boards; needs nothing but Node

  deft-mcp init DIR             make a workspace for your own boards (--example: one with generated boards)
  deft-mcp doctor               check a workspace
  deft-mcp validate CSV         check one ChangeNet CSV: rows, images, labels, leakage

  deft-mcp approve PLAN_ID      approve a plan at this terminal
  deft-mcp status [RUN]         where a run stands (--watch: until it is closed; --serve: as a live page)
  deft-mcp report [RUN]         render its report anew
  deft-mcp acknowledge [RUN]    accept a repaired hard stop at this terminal

  deft-mcp replay TRACE         does a recorded run still go the same way? (DEFT_RECORD records one)
  deft-mcp trace show TRACE     what was recorded
  deft-mcp tokens [RUN]         write into its log what each stage cost the agent

  deft-mcp kpi CSV              operating points of an inference CSV
  deft-mcp gaps                 weak KPI samples, as the vendor's gap analysis writes them
  deft-mcp osmo COMMAND         plan, submit, watch and fetch defect-image flows on OSMO
  deft-mcp call [TOOL] [JSON]   list the tools, or call one

Most commands take --json; exit 0 is fine, 1 a defect or a hard stop, 2 refused. COMMAND --help says more.
`;

/** `deft-mcp help`: the commands. */
export async function run(_argv: string[], io: CliIo): Promise<number> {
  print(io.stdout, text);
  return exitOk;
}
