import { Refusal } from "../../errors.ts";
import { redactedExcerpt } from "../../run/redact.ts";

export type SlurmAnswer = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** The commands of SLURM, of this host or of a login node: argv arrays, no shell of ours, no terminal. */
export type Slurm = {
  /**
   * Runs one command and returns how it ended.
   *
   * @throws Refusal `executor.unavailable` when the command is missing, or no answer of the controller came: then nothing
   * is known. Every other failure is in the answer.
   */
  run(program: SlurmProgram, args: readonly string[]): Promise<SlurmAnswer>;
};

type SlurmProgram = "sbatch" | "squeue" | "scancel" | "sinfo";

/** More than the controller's own patience, after which the commands give up by themselves. */
const timeoutSec = 90;

/** What the commands and ssh need; nothing else of the server's environment reaches them. */
const ownVariables = /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|SLURM_CONF|SSH_AUTH_SOCK)$/;

export function slurmCli(host: string | undefined, env: NodeJS.ProcessEnv): Slurm {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => ownVariables.test(name)));
  return {
    async run(program, args) {
      const { execa } = await import("execa");
      const [command, ...rest] = commandLine(host, [program, ...args]);
      const ended = await execa(command, rest, {
        reject: false,
        stdin: "ignore",
        // Answers are told apart by their English text.
        env: { ...own, LC_ALL: "C" },
        extendEnv: false,
        timeout: timeoutSec * 1000,
        maxBuffer: 16 << 20,
      });
      if (ended.timedOut) throw away("slow", `${program} did not answer in ${timeoutSec} s.`, "");
      if (ended.exitCode === undefined) throw noCommand(command, ended.code, ended.originalMessage ?? "");
      const stderr = String(ended.stderr ?? "");
      if (ended.exitCode !== 0) refuseSilence(stderr, program, host);
      return { code: ended.exitCode, stdout: String(ended.stdout ?? ""), stderr };
    },
  };
}

/** The command as this host starts it. A login node's shell gets every word quoted. */
export function commandLine(host: string | undefined, words: readonly string[]): [string, ...string[]] {
  const [program = "", ...rest] = words;
  if (host === undefined) return [program, ...rest];
  const options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15"];
  return ["ssh", ...options, "--", host, words.map(quoted).join(" ")];
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function noCommand(command: string, code: string | undefined, message: string): Refusal {
  if (code !== "ENOENT") return away("command-failed", `The ${command} command cannot be run.`, message);
  const text = "is not installed: install the SLURM client, or name a login node (--set host=USER@LOGIN).";
  return away("command-missing", command === "ssh" ? "The ssh command is not installed." : `${command} ${text}`, "");
}

function away(cause: string, message: string, said: string): Refusal {
  const facts = said === "" ? { cause } : { cause, said: redactedExcerpt(said.trim().replace(/\s*\n\s*/g, "; "), 300) };
  return new Refusal("executor.unavailable", message, facts);
}

/** Words by which a command says that it got no answer, so that nothing is known of what it asked. */
const silences: readonly (readonly [RegExp, string, string])[] = [
  [
    /munge|invalid authentication credential|authentication plugin/i,
    "munge",
    "SLURM refuses this host's credentials: munged does not run here, or its key or clock is another than the controller's.",
  ],
  [
    /unable to contact slurm controller|connect failure|connection refused|socket timed out|zero bytes were transmitted|unable to establish control|communication (?:connection|shutdown) failure|backup controller/i,
    "controller-away",
    "The SLURM controller does not answer.",
  ],
  [
    /could not find a slurm controller|unable to (?:process|open) (?:the )?configuration|slurm\.conf|could not establish a configuration source|dns srv lookup failed/i,
    "configuration",
    "SLURM has no configuration on this host: set SLURM_CONF, or name a login node (--set host=USER@LOGIN).",
  ],
];

const sshSilences: readonly (readonly [RegExp, string, string])[] = [
  [
    /command not found|: (?:sbatch|squeue|scancel|sinfo): not found/i,
    "command-missing",
    "The login node has no SLURM commands in the PATH of a shell without login.",
  ],
  [
    /permission denied|too many authentication failures/i,
    "ssh-denied",
    "The login node refuses this key: ssh runs without a password prompt.",
  ],
  [
    /host key verification failed|remote host identification/i,
    "ssh-host-key",
    "The login node's host key is not known: connect once by hand.",
  ],
  [
    /^ssh: |could not resolve|connection (?:closed|reset|refused|timed out)|no route to host|broken pipe|timeout, server/im,
    "ssh-away",
    "The login node does not answer.",
  ],
];

function refuseSilence(stderr: string, program: string, host: string | undefined): void {
  const table = host === undefined ? silences : [...sshSilences, ...silences];
  const found = table.find(([words]) => words.test(stderr));
  if (found !== undefined) throw away(found[1], found[2], `${program}: ${stderr}`);
}
