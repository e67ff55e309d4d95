import type { Toolset } from "../../tools/define.ts";
import type { Call } from "../ports/call.ts";
import type { User } from "../run/state.ts";
import { iconsOf } from "./icons.ts";

export type ServerOptions = {
  readonly version: string;
  readonly toolsets: readonly Toolset[];
  /** Who is connected, where an issuer vouches for it. */
  readonly user?: User;
  /** Where stacks of defects go; never stdout, which carries the protocol. */
  log(line: string): void;
};

/** What a call of a tool needs besides what the server is built from: who asks, and how they are spoken to meanwhile. */
export type Caller = Omit<Call, "deps">;

/** What this server is called, in every era. */
export function identityOf({ version }: ServerOptions) {
  return { name: "deft-mcp", title: "DEFT AOI loop", version, icons: iconsOf("deft") };
}
