import type { Deps } from "../../ports/call.ts";
import { answersOf } from "../answers.ts";
import type { ServerOptions } from "../options.ts";
import { roundTrips } from "./round-trips.ts";
import { tasksOf } from "./tasks.ts";

/** What stands behind the servers of one builder; one for all requests. */
export type Behind = ReturnType<typeof behindOf>;

/** Answers, questions to the human between two requests, and calls that go on after theirs. */
export function behindOf(deps: Deps, options: ServerOptions) {
  const answers = answersOf(deps, options, true);
  return { answers, rounds: roundTrips(deps, answers.clean), tasks: tasksOf(deps, answers) };
}
