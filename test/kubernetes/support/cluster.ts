import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { parse } from "yaml";

/** A running cluster of `.ci/kubernetes`. Without one the suite fails and says what it needs. */
export function clusterFolder(): string {
  const folder = process.env.DEFT_TEST_KUBERNETES;
  if (folder === undefined || folder === "") {
    throw new Error(
      "kubernetes: no cluster to test with. Run `.ci/kubernetes build`, start one with `.ci/kubernetes start DIR`, and set DEFT_TEST_KUBERNETES to DIR.",
    );
  }
  return folder;
}

type Answer = { readonly status: number; readonly body: unknown };

/** Talks to the API server as its administrator, without any program between. */
export class Api {
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 8 });
  readonly #server: URL;
  readonly #token: string;

  constructor(folder = clusterFolder()) {
    const config = parse(readFileSync(join(folder, "kubeconfig"), "utf8"));
    this.#server = new URL(config.clusters[0].cluster.server);
    this.#token = config.users[0].user.token;
  }

  /** The answer, whatever its status; throws when nobody answers. */
  call(method: string, path: string, body?: object, type = "application/json"): Promise<Answer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    // Without its length the body of a DELETE would be taken for the next request of the connection.
    const length = { "content-length": String(Buffer.byteLength(text)) };
    const headers = {
      ...length,
      authorization: `Bearer ${this.#token}`,
      "content-type": type,
      accept: "application/json",
    };
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.#server), { method, headers, agent: this.#agent }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const said = Buffer.concat(chunks).toString("utf8");
          resolve({ status: answer.statusCode ?? 0, body: said.startsWith("{") ? JSON.parse(said) : said });
        });
      });
      asked.on("error", reject);
      asked.end(text);
    });
  }

  /** The body of a call that has to succeed. */
  async take<T = Record<string, unknown>>(method: string, path: string, body?: object, type?: string): Promise<T> {
    const answer = await this.call(method, path, body, type);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  patch(path: string, body: object): Promise<Answer> {
    return this.call("PATCH", path, body, "application/merge-patch+json");
  }

  close(): void {
    this.#agent.destroy();
  }
}
