import { Refusal } from "../errors.ts";
import { runPaths } from "../run/paths.ts";
import { type RunState, runStateSchema } from "../run/state.ts";
import { faultText, readStateText, type StateFile, stateIn } from "./run-files.ts";
import { settle } from "./settled.ts";

/** The texts that were read or written last, with what they say: one is read several times for a commit. */
const known: { readonly text: string; readonly state: RunState }[] = [];
const textsKnown = 4;

/** Remembers what a text of a state says. */
export function learnState(text: string, state: RunState): RunState {
  known.unshift({ text, state: settle(state) });
  known.splice(textsKnown);
  return state;
}

/**
 * The state of a run as it was published last; nobody can change it in place.
 *
 * @throws Refusal `input.no-run`, `state.corrupt`, `state.foreign-version`.
 */
export async function readState(runDir: string): Promise<RunState> {
  const file = await readStateText(runDir);
  const { text } = file;
  const before = known.find((one) => one.text === text);
  if (before !== undefined) return before.state;
  return learnState(text ?? "", stateOf(runDir, stateIn(file)));
}

function stateOf(runDir: string, { raw, fault }: StateFile): RunState {
  const path = runPaths(runDir).state;
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
