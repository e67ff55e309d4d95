import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { excerpt, Refusal } from "../errors.ts";
import type { User } from "../run/state.ts";
import { admit, metadataPath, resourceMetadata, type Verify, verifierOf } from "./http-auth.ts";
import { type Door, isLoopback, turnedAway } from "./http-guard.ts";
import { type Rate, rateOf } from "./http-rate.ts";

export type FrontOptions = {
  readonly host: string;
  /** Every request then carries it as `Authorization: Bearer`; `deft-mcp serve` always has one, or an issuer. */
  readonly token?: string | undefined;
  /** Who vouches for users: a request then carries an access token of theirs, or the token above. */
  readonly trust?: { readonly issuer: string; readonly audience?: string | undefined } | undefined;
  /** The URL by which clients know this server, where that is not its own address: behind a proxy with TLS. */
  readonly resource?: string | undefined;
  /** Requests a minute of one user or address, 1200 unless told; of them an address may get a tenth wrong. */
  readonly ratePerMinute?: number;
};

/** What every request passes before it reaches a session. */
export type Front = {
  readonly door: Door;
  readonly verify: Verify | undefined;
  /** What `metadataPath` answers, and where it is. */
  readonly metadata: { readonly url: string; readonly text: string } | undefined;
  readonly rate: Rate;
  readonly wrong: Rate;
};

/** An answer that needs no session. */
export type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly refusal?: Refusal;
};

/** `url` is the server's own address. @throws Refusal `http.issuer`, `http.address` for a public URL that is none. */
export async function frontOf(url: string, options: FrontOptions): Promise<Front> {
  const { host, token, trust, resource = url, ratePerMinute = 1200 } = options;
  if (!URL.canParse(resource)) {
    throw new Refusal("http.address", "The server's public URL is none.", { url: excerpt(resource) });
  }
  const known = new URL(resource);
  const full = trust === undefined ? undefined : { issuer: trust.issuer, audience: trust.audience ?? resource };
  const place = `${known.origin}${metadataPath}${known.pathname.replace(/\/$/, "")}`;
  return {
    door: { loopback: isLoopback(host), name: known.hostname, token },
    verify: full && (await verifierOf(full)),
    metadata: full && { url: place, text: JSON.stringify(resourceMetadata(resource, full)) },
    rate: rateOf(ratePerMinute),
    wrong: rateOf(ratePerMinute / 10),
  };
}

/** Who sent a request that may go on (nobody by name where no issuer vouches), or what it is answered at once. */
export async function enter(
  request: IncomingMessage,
  front: Front,
): Promise<{ readonly user: User | undefined; readonly answer?: undefined } | { readonly answer: Answered }> {
  const { headers, method, url, socket } = request;
  const address = socket.remoteAddress ?? "";
  if (front.metadata !== undefined && method === "GET" && url?.startsWith(metadataPath)) {
    // Who has no token yet reads here where to get one.
    const no = turnedAway(headers, { ...front.door, token: undefined });
    return { answer: no === undefined ? page(front.metadata.text) : { ...no, headers: {} } };
  }
  const who = await admit(headers, front.door, front.verify);
  const no = who !== undefined && "status" in who ? who : undefined;
  const user = who !== undefined && "subject" in who ? who : undefined;
  const wait = no === undefined ? front.rate(user?.subject ?? address) : front.wrong(address);
  if (wait !== undefined) {
    const refusal = new Refusal("http.rate", "Too many requests came from there.", { retry_after_sec: wait });
    return { answer: { status: 429, headers: { "retry-after": String(wait) }, refusal } };
  }
  if (no === undefined) return { user };
  return { answer: { ...no, headers: no.status === 401 ? { "www-authenticate": challenge(headers, front) } : {} } };
}

function page(body: string): Answered {
  return { status: 200, headers: { "cache-control": "max-age=300" }, body };
}

function challenge(headers: IncomingHttpHeaders, { metadata }: Front): string {
  if (metadata === undefined) return 'Bearer realm="deft-mcp"';
  const why = headers.authorization === undefined ? "" : ', error="invalid_token"';
  return `Bearer realm="deft-mcp"${why}, resource_metadata="${metadata.url}"`;
}
