import { excerpt } from "../errors.ts";
import type { Env } from "../run/env.ts";

/** A tracker that takes longer than this for one request is not there, ms. */
const patienceMs = 5_000;

/** What a tracker answered instead of doing what it was asked. */
export class TrackerError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(`${code || status}: ${excerpt(message, 200)}`);
    this.status = status;
    this.code = code;
  }
}

export type Mlflow = {
  /** One call of the REST interface 2.0. @throws TrackerError, or what `fetch` throws when nobody answers. */
  ask(method: "GET" | "POST", path: string, body: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  /** Puts a file into the artifact store that the server stands in front of; false where the store is another. */
  upload(artifactUri: string, name: string, bytes: Buffer): Promise<boolean>;
};

/** A client of the tracking server at `base`, with the credentials that MLflow's own client would use. */
export function mlflowAt(base: string, env: Env, signal: AbortSignal): Mlflow {
  const root = base.replace(/\/+$/, "");
  const send = (url: string, init: RequestInit) =>
    fetch(url, {
      ...init,
      headers: { ...authorization(env), ...init.headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
  return {
    async ask(method, path, body) {
      const query = method === "GET" ? `?${new URLSearchParams(body as Record<string, string>)}` : "";
      const post = { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
      const response = await send(`${root}/api/2.0/mlflow/${path}${query}`, { method, ...(method === "POST" && post) });
      const text = await response.text();
      const told = parsed(text);
      if (response.ok && told !== undefined) return told;
      throw new TrackerError(response.status, String(told?.error_code ?? ""), String(told?.message ?? text));
    },
    async upload(artifactUri, name, bytes) {
      const [, path] = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.+)$/.exec(artifactUri) ?? [];
      if (path === undefined) return false;
      const url = `${root}/api/2.0/mlflow-artifacts/artifacts/${path}/${encodeURIComponent(name)}`;
      const response = await send(url, { method: "PUT", body: new Uint8Array(bytes) });
      if (!response.ok) throw new TrackerError(response.status, "", await response.text());
      return true;
    },
  };
}

function authorization(env: Env): Record<string, string> {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password } = env;
  if (token) return { authorization: `Bearer ${token}` };
  if (!user || !password) return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
