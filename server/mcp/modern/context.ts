import type { AuthInfo, ServerContext } from "@modelcontextprotocol/server";
import { isRecord, membersOf } from "../../run/record.ts";
import type { User } from "../../run/state.ts";

/** A user who was let in, as the SDK hands them on; their token stays where it was checked. */
export function authOf(user: User): AuthInfo {
  return { token: "", clientId: JSON.stringify([user.issuer, user.subject]), scopes: [], extra: { user } };
}

/** The user behind a request, where an issuer vouches for them. */
export function userOf({ http }: ServerContext): User | undefined {
  return http?.authInfo?.extra?.user as User | undefined;
}

/** Whoever is let in by a token of their own; what one was given is nothing to another. */
export function principalOf({ http }: ServerContext): string {
  return http?.authInfo?.clientId ?? "";
}

/** Name and version of the client, as this very request says. */
export function clientOf({ mcpReq }: ServerContext): string {
  const { name, version } = membersOf(membersOf(mcpReq.envelope)["io.modelcontextprotocol/clientInfo"]);
  return typeof name === "string" ? `${name} ${String(version)}` : "unknown";
}

/** Whether the client can show forms to a human; forms are what it means where it names no mode. */
export function canElicit(context: ServerContext): boolean {
  const { elicitation } = capabilitiesOf(context);
  return isRecord(elicitation) && ("form" in elicitation || Object.keys(elicitation).length === 0);
}

/** Whether the client knows an extension of the protocol. */
export function knows(context: ServerContext, extension: string): boolean {
  return extension in membersOf(capabilitiesOf(context).extensions);
}

/** What the client can do, as this very request says. */
function capabilitiesOf({ mcpReq }: ServerContext): Record<string, unknown> {
  return membersOf(membersOf(mcpReq.envelope)["io.modelcontextprotocol/clientCapabilities"]);
}
