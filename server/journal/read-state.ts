import { Refusal } from "../errors.ts";
import { runPaths } from "../run/paths.ts";
import { type RunState, runStateSchema } from "../run/state.ts";
import { faultText, readStateFile } from "./run-files.ts";

/**
 * The state of a run as it was published last.
 *
 * @throws Refusal `input.no-run`, `state.corrupt`, `state.foreign-version`.
 */
export async function readState(runDir: string): Promise<RunState> {
  const path = runPaths(runDir).state;
  const { raw, fault } = await readStateFile(runDir);
  if (fault?.kind === "absent") throw noRun(runDir);
  if (fault?.kind === "unreadable") throw fault.cause;
  if (fault !== undefined)
    throw new Refusal("state.corrupt", `${faultText("deft_state.json", fault)}.`, { path }, fault);
  const version = typeof raw === "object" && raw !== null && "version" in raw ? raw.version : undefined;
  if (version !== 2 || !isOurs(raw)) {
    throw new Refusal("state.foreign-version", "The run was written by another program.", { path, version });
  }
  const parsed = runStateSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Refusal("state.corrupt", "deft_state.json lacks fields of a run of this server.", { path, issues });
}

/** The published version 2 has neither a plan nor approvals: such a run is adopted through preflight, never continued. */
function isOurs(raw: unknown): boolean {
  return typeof raw === "object" && raw !== null && ("plan" in raw || "approvals" in raw || "integrity" in raw);
}

/** Says that a directory holds no run. */
export function noRun(runDir: string): Refusal {
  return new Refusal("input.no-run", `No run in ${runDir}.`, { run: runDir });
}
