import type { RunOsmo } from "../exec/osmo/cli.ts";
import type { Clock, Ids } from "../run/clock.ts";
import type { Env } from "../run/env.ts";
import type { Platform } from "../run/labels.ts";
import type { User } from "../run/state.ts";
import type { Executor } from "./executor.ts";
import type { ReadEmbeddings } from "./stage.ts";

/** A question to the human behind the client: a flat form, as MCP elicitation allows. */
export type Question = {
  readonly message: string;
  readonly fields: Readonly<
    Record<
      string,
      {
        type: "boolean" | "string" | "number";
        title: string;
        description?: string;
        enum?: readonly string[];
        default?: boolean | string | number;
      }
    >
  >;
  readonly required: readonly string[];
  /** What an answer holds for, where the message says more than that; the message itself unless told. */
  readonly about?: string;
};

export type Answer =
  | { readonly action: "accept"; readonly content: Readonly<Record<string, unknown>> }
  | { readonly action: "decline" | "cancel" };

/** The person at the other end, as far as the client lets us reach one. */
export type Human = {
  readonly canAsk: boolean;
  ask(question: Question): Promise<Answer>;
};

/** What a server process is built from; tests pass their own. */
export type Deps = {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly env: Env;
  readonly cwd: string;
  readonly executors: Readonly<Partial<Record<Platform, () => Promise<Executor>>>>;
  /** Reads the embedding tables of mining, from the disk unless told; a replay answers from its recording. */
  readonly readEmbeddings?: ReadEmbeddings;
  /** Runs command lines of the OSMO CLI; the `osmo` executable unless told. */
  readonly runOsmo?: RunOsmo;
};

/** One tool call: its dependencies, its connection and its way to speak while it runs. */
export type Call = {
  readonly deps: Deps;
  readonly signal: AbortSignal;
  readonly human: Human;
  /** Name and version of the client, e.g. `claude-code 2.1.330`. */
  readonly client: string;
  /** That the call is a task of its client: nobody gives up on it. */
  readonly isTask?: boolean;
  /** Who is connected, where an issuer vouches for it. */
  readonly user?: User;
  /** Facts remembered for this connection only ("conversation"). */
  readonly connection: { readonly shownPlans: Set<string>; readonly notes: Map<string, unknown> };
  /** At most about one a second reaches the client; a no-op without a progress token. */
  progress(message: string, fraction?: number): void;
};
