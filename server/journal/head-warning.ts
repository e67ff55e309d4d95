import type { Call } from "../ports/call.ts";
import type { RunState } from "../run/state.ts";
import { headIsKept, headsDir } from "./heads.ts";

/** Says, once a connection and run, that no head could be kept outside the workspace; nothing stops for it. */
export async function headWarning(runDir: string, state: RunState, call: Call): Promise<string[]> {
  const told = `head:${runDir}`;
  const { notes } = call.connection;
  if (notes.has(told) || (await headIsKept(runDir, state, call.deps.env))) return [];
  notes.set(told, true);
  const dir = headsDir(call.deps.env);
  const why = dir === undefined ? "This process has no home directory" : `${dir} takes no file`;
  return [`${why}: a run directory that is put back to an older copy as a whole would not be seen.`];
}
