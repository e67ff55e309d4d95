import type { Deps } from "../ports/call.ts";
import type { Answers } from "./answers.ts";
import type { ServerOptions } from "./options.ts";

/**
 * The answers of a server, loaded when something is asked that needs them: who says hello waits for no tool. For the
 * arguments see `answersOf`.
 */
export function answersLater(deps: Deps, options: ServerOptions, refusalsAsData = false): () => Promise<Answers> {
  let loaded: Promise<Answers> | undefined;
  return () => {
    loaded ??= import("./answers.ts").then(({ answersOf }) => answersOf(deps, options, refusalsAsData));
    return loaded;
  };
}
