import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { excerpt, Refusal } from "../errors.ts";

/**
 * Who may come in: with `loopback` only names of this machine are answered to, and the `name` by which a proxy of this
 * machine is known; with a token only who carries it.
 */
export type Door = {
  readonly loopback: boolean;
  readonly name?: string | undefined;
  readonly token?: string | undefined;
};

export type TurnedAway = { readonly status: 401 | 403 | 429 | 503; readonly refusal: Refusal };

/** Whether an address or name means this machine alone. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Why a request may not come in, or undefined. Programs send no Origin and browsers always do, so a page from elsewhere
 * is kept out by it, and by the Host that a name rebound to loopback would still carry.
 */
export function turnedAway(headers: IncomingHttpHeaders, door: Door): TurnedAway | undefined {
  const host = nameOf(`http://${headers.host ?? ""}`);
  if (door.loopback && !isLoopback(host) && (door.name === undefined || host !== door.name)) {
    const facts = { host: excerpt(headers.host ?? "") };
    return { status: 403, refusal: new Refusal("http.host", "This server answers to names of loopback only.", facts) };
  }
  if (headers.origin !== undefined && !isLoopback(nameOf(headers.origin))) {
    const facts = { origin: excerpt(headers.origin) };
    return { status: 403, refusal: new Refusal("http.origin", "A page of another origin may not call this.", facts) };
  }
  if (door.token === undefined || carries(headers.authorization, door.token)) return undefined;
  const message =
    headers.authorization === undefined ? "The request carries no token." : "The token is not the right one.";
  return { status: 401, refusal: new Refusal("http.token", message) };
}

function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}

/** Digests have one length, so the comparison takes the same time whatever was sent. */
export function carries(authorization: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(bearerOf(authorization)), digest(token));
}

/** The token of an `Authorization: Bearer` header, or an empty text. */
export function bearerOf(authorization: string | undefined): string {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
}
