import { excerpt, Refusal } from "../../errors.ts";
import { kubeFailure } from "./errors.ts";

export type KubectlAnswer = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type KubectlOptions = {
  /** What the command reads on stdin: manifests, and with them secrets, are in no argv and in no file. */
  readonly input?: string;
  readonly timeoutSec?: number;
};

/** The Kubernetes command line as this server uses it: argv arrays, no shell, no terminal. */
export type Kubectl = {
  /**
   * Runs one command and returns how it ended.
   *
   * @throws Refusal `executor.unavailable` when the command is missing, `executor.cluster-unreachable` when the API server
   * does not answer or does not know the user; every other failure is in the answer.
   */
  run(args: readonly string[], options?: KubectlOptions): Promise<KubectlAnswer>;
};

/** Which cluster and which part of it; without a context the kubeconfig's current one. */
export type Place = { readonly context?: string | undefined; readonly namespace?: string | undefined };

const requestTimeoutSec = 20;

/** What the command and the logins that it starts need; nothing else of the server's environment reaches it. */
const ownVariables =
  /^(?:PATH|HOME|USER|TMPDIR|KUBE\w*|XDG_\w+|SSL_CERT_\w+|(?:AWS|AZURE|AAD|ARM|CLOUDSDK|GOOGLE|GKE|USE_GKE|OCI|OIDC)_\w+|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy)$/;

/** The kubectl that `env` finds, speaking to that place. */
export function kubectlCli(env: NodeJS.ProcessEnv, { context, namespace }: Place = {}): Kubectl {
  const place = [
    ...(context === undefined ? [] : ["--context", context]),
    ...(namespace === undefined ? [] : ["--namespace", namespace]),
  ];
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => ownVariables.test(name)));
  return {
    async run(args, { input, timeoutSec = requestTimeoutSec } = {}) {
      const { execa } = await import("execa");
      const ended = await execa("kubectl", [...place, `--request-timeout=${timeoutSec}s`, ...args], {
        reject: false,
        ...(input === undefined ? { stdin: "ignore" as const } : { input }),
        // Answers are told apart by their English text.
        env: { ...own, LC_ALL: "C" },
        extendEnv: false,
        // A login that asks for a browser never ends; kubectl's own limit begins after it.
        timeout: (timeoutSec + 20) * 1000,
        maxBuffer: 64 << 20,
        stripFinalNewline: false,
      });
      const what = `kubectl ${args.find((arg) => !arg.startsWith("-")) ?? ""}`;
      if (ended.timedOut) {
        throw new Refusal("executor.cluster-unreachable", `${what} did not end in time.`, { cause: "slow" });
      }
      if (ended.exitCode === undefined) throw noCommand(ended.code, ended.originalMessage ?? "");
      const stderr = String(ended.stderr ?? "");
      const away = ended.exitCode === 0 ? undefined : kubeFailure(what, stderr);
      if (away?.code === "executor.cluster-unreachable") throw away;
      return { code: ended.exitCode, stdout: String(ended.stdout ?? ""), stderr };
    },
  };
}

function noCommand(code: string | undefined, message: string): Refusal {
  const missing = code === "ENOENT";
  const text = missing ? "The kubectl command is not installed." : "The kubectl command cannot be run.";
  const cause = missing ? "kubectl-missing" : "kubectl-failed";
  return new Refusal("executor.unavailable", text, { cause, reason: excerpt(message) });
}
