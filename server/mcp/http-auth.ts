import type { IncomingHttpHeaders } from "node:http";
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { excerpt, Refusal } from "../errors.ts";
import { defined } from "../run/defined.ts";
import type { User } from "../run/state.ts";
import { bearerOf, carries, type Door, isLoopback, type TurnedAway, turnedAway } from "./http-guard.ts";

/** What clients read to learn who gives out tokens for this server: RFC 9728. */
export const metadataPath = "/.well-known/oauth-protected-resource";

/** Who vouches for the users of this server, and the audience that their tokens must be for. */
export type Trust = { readonly issuer: string; readonly audience: string };

/** Tells the user of an access token. @throws Refusal `http.token` for one that is not good, `http.issuer`. */
export type Verify = (token: string) => Promise<User>;

const patienceMs = 5_000;
const mostBytes = 256 * 1024;
/** Clocks of two machines differ; seconds. */
const clockTolerance = 30;
/** Signatures whose key the issuer alone has; `none` and shared secrets are no proof of who signed. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** Lets a request in, as the user that its token names where an issuer gave it out. */
export async function admit(
  headers: IncomingHttpHeaders,
  door: Door,
  verify?: Verify,
): Promise<TurnedAway | User | undefined> {
  if (verify === undefined) return turnedAway(headers, door);
  const { token, ...open } = door;
  const no = turnedAway(headers, open);
  if (no !== undefined) return no;
  if (token !== undefined && carries(headers.authorization, token)) return undefined;
  const sent = bearerOf(headers.authorization);
  if (sent === "") return { status: 401, refusal: new Refusal("http.token", "The request carries no token.") };
  try {
    return await verify(sent);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.code === "http.token" ? 401 : 503, refusal: error };
  }
}

/** The metadata of RFC 9728 for the resource at `url`. */
export function resourceMetadata(url: string, { issuer }: Trust): Record<string, unknown> {
  return {
    resource: url,
    authorization_servers: [issuer],
    // Without it an OpenID provider vouches for nobody.
    scopes_supported: ["openid"],
    bearer_methods_supported: ["header"],
    resource_name: "DEFT AOI loop",
  };
}

/**
 * Reads once where the issuer keeps its keys; the keys themselves are fetched when a token needs one, and again when it
 * names one that is not known.
 *
 * @throws Refusal `http.issuer` when it cannot be asked, is reached in the clear beyond loopback, or names another.
 */
export async function verifierOf({ issuer, audience }: Trust): Promise<Verify> {
  const { jwks_uri } = await discover(issuer);
  const keys = createRemoteJWKSet(new URL(jwks_uri), { timeoutDuration: patienceMs });
  return async (token) => {
    try {
      const requiredClaims = ["sub", "exp"];
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        requiredClaims,
        clockTolerance,
      });
      return userOf(issuer, payload);
    } catch (error) {
      if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout) throw unreachable(issuer, error);
      // The library says which claim fails, never what is in the token.
      throw new Refusal(
        "http.token",
        `The token is not good: ${error.message}.`,
        { code: error.code },
        { cause: error },
      );
    }
  };
}

function userOf(issuer: string, { sub, email, preferred_username: handle }: JWTPayload): User {
  const name = [email, handle].find((text): text is string => typeof text === "string" && text !== "");
  return { issuer, subject: String(sub).slice(0, 200), ...defined({ name: name?.slice(0, 200) }) };
}

/** Where an issuer may publish what it is, OpenID's place first, then that of RFC 8414. */
function placesOf(issuer: URL): URL[] {
  const path = issuer.pathname.replace(/\/$/, "");
  return [`${path}/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server${path}`].map(
    (place) => new URL(place, issuer),
  );
}

async function discover(issuer: string): Promise<{ jwks_uri: string }> {
  const url = secure(issuer, issuer);
  let last: unknown;
  for (const place of placesOf(url)) {
    try {
      const told = await readJson(place);
      if (told.issuer !== issuer) {
        const facts = { issuer: excerpt(issuer), named: excerpt(String(told.issuer)) };
        throw new Refusal("http.issuer", "What is there calls itself another issuer.", facts);
      }
      return { jwks_uri: secure(String(told.jwks_uri), issuer).href };
    } catch (error) {
      if (error instanceof Refusal) throw error;
      last = error;
    }
  }
  throw unreachable(issuer, last);
}

/** Keys that come in the clear are anybody's, except from this very machine. */
function secure(url: string, issuer: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === "https:" || (parsed?.protocol === "http:" && isLoopback(parsed.hostname))) return parsed;
  throw new Refusal("http.issuer", "An issuer and its keys are reached by https.", {
    issuer: excerpt(issuer),
    url: excerpt(url),
  });
}

async function readJson(url: URL): Promise<Record<string, unknown>> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(patienceMs) });
  if (!response.ok) throw new Error(`${url.pathname} answers ${response.status}`);
  const text = await response.text();
  if (text.length > mostBytes) throw new Error(`${url.pathname} is too long`);
  return JSON.parse(text) as Record<string, unknown>;
}

function unreachable(issuer: string, cause: unknown): Refusal {
  const why = cause instanceof Error ? excerpt(cause.message) : "";
  return new Refusal("http.issuer", "The issuer's keys cannot be had.", { issuer: excerpt(issuer), why }, { cause });
}
