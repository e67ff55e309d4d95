import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

/** Nobody comes back to it: the test takes the code out of the redirect. */
const redirectUri = "http://127.0.0.1:1/back";

export type OpenId = {
  readonly issuer: string;
  /** Log in and consent as a person does in the provider's own pages; the code that the client then gets. */
  authorize(url: URL, account: string): Promise<string>;
  close(): Promise<void>;
};

/** A real OpenID provider on loopback: anyone may register a client, anyone may log in by any name. */
export async function openId(lifeSec = 600): Promise<OpenId> {
  let handle: ReturnType<Provider["callback"]> | undefined;
  const http = createServer((request, response) => handle?.(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  handle = (await providerAt(issuer, lifeSec)).callback();
  return { issuer, authorize: (url, account) => authorize(url, account), close: () => end(http) };
}

async function providerAt(issuer: string, lifeSec: number): Promise<Provider> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: "k1" }] },
    cookies: { keys: ["a-key-of-the-test"] },
    ttl: { AccessToken: () => lifeSec },
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          scope: "",
          audience: resource,
          accessTokenFormat: "jwt",
        }),
      },
    },
    clientDefaults: { token_endpoint_auth_method: "none" },
    extraTokenClaims: (_context: unknown, token: { accountId: string }) => ({
      email: `${token.accountId}@plant.example`,
    }),
  });
}

/** Goes through redirects and forms with the cookies of one browser, until the client's own address comes. */
async function authorize(start: URL, account: string): Promise<string> {
  const cookies = new Map<string, string>();
  const visit = async (url: URL, form?: Record<string, string>): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const body = form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) };
    const response = await fetch(url, { ...body, headers: { cookie }, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    return response;
  };
  let url = start;
  for (let steps = 0; steps < 20; steps += 1) {
    if (url.href.startsWith(redirectUri)) {
      const code = url.searchParams.get("code");
      if (code === null) throw new Error(`no code: ${url.search}`);
      return code;
    }
    let response = await visit(url);
    if (response.status === 200) {
      const [, prompt = ""] = /name="prompt" value="(\w+)"/.exec(await response.text()) ?? [];
      response = await visit(url, { prompt, login: account, password: "any" });
    }
    url = new URL(String(response.headers.get("location")), url);
  }
  throw new Error(`no way through the provider's pages, stuck at ${url}`);
}

function end(http: Server): Promise<void> {
  http.closeAllConnections();
  return new Promise((resolve) => http.close(() => resolve()));
}

export type Visitor = OAuthClientProvider & { asked: URL | undefined; kept: OAuthTokens | undefined };

/** What the protocol's own client keeps of an authorization: here in memory. */
export function visitor(): Visitor {
  let information: OAuthClientInformationMixed | undefined;
  let verifier = "";
  const self: Visitor = {
    asked: undefined,
    kept: undefined,
    redirectUrl: redirectUri,
    clientMetadata: { redirect_uris: [redirectUri], client_name: "test", token_endpoint_auth_method: "none" },
    clientInformation: () => information,
    saveClientInformation(given) {
      information = given;
    },
    tokens: () => self.kept,
    saveTokens(tokens) {
      self.kept = tokens;
    },
    redirectToAuthorization(url) {
      self.asked = url;
    },
    saveCodeVerifier(text) {
      verifier = text;
    },
    codeVerifier: () => verifier,
  };
  return self;
}
