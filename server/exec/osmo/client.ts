import type { z } from "zod";
import { Refusal } from "../../errors.ts";
import { keepPlainFiles } from "../../fs/folder.ts";
import { parseJson } from "../../fs/json.ts";
import { redact, redactedExcerpt } from "../../run/redact.ts";
import { type OsmoRun, type RunOsmo, runOsmo, withSecretFile } from "./cli.ts";
import { failureOf } from "./cli-error.ts";
import { credentialAnswer, listAnswer, poolAnswer, profileAnswer, queryAnswer, submitAnswer } from "./shapes.ts";

/** What an OSMO client needs of a call. */
export type ClientContext = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Stands in for the `osmo` executable. */
  readonly runOsmo?: RunOsmo;
};

const second = 1000;
/** Commands that read; the CLI itself gives up on a silent service after a minute, and tries five times. */
const readLimit = 90 * second;
const submitLimit = 180 * second;
const transferLimit = 4 * 3600 * second;

/** Typed calls of the `osmo` executable. Each refuses with an `osmo.*` code when the CLI or the service says no. */
export function openClient(context: ClientContext) {
  const { env, signal, runOsmo: start = runOsmo } = context;
  const run = (argv: readonly string[], timeout_ms = readLimit): Promise<OsmoRun> =>
    start(argv, { env, signal, timeout_ms });
  const read = async <T extends z.ZodType>(schema: T, argv: readonly string[], what: string): Promise<z.output<T>> =>
    parseAnswer(schema, succeed(await run(argv), what), what);
  return {
    profile: () => read(profileAnswer, ["profile", "list", "-t", "json"], "read the profile"),
    pool: (name: string) => read(poolAnswer, ["pool", "list", "-p", name, "-t", "json"], "read the pool"),
    credentials: () => read(credentialAnswer, ["credential", "--format-type", "json", "list"], "list credentials"),
    setToken: (name: string, secret: string) =>
      withSecretFile(secret, async (path) => {
        const argv = ["credential", "set", name, "--type", "GENERIC", "--payload-file", `token=${path}`];
        succeed(await run(argv), "set a credential");
      }),
    podTemplate: () => run(["config", "show", "POD_TEMPLATE"]),
    ...dataCommands(run),
    submit: (argv: readonly string[]): Promise<OsmoRun> => run(argv, submitLimit),
    query: (id: string) => read(queryAnswer, ["workflow", "query", id, "-t", "json"], `query ${id}`),
    list: (name: string, after: string) =>
      read(
        listAnswer,
        ["workflow", "list", "-n", name, "-o", "desc", "-c", "20", "--submitted-after", after, "-t", "json"],
        "list workflows",
      ),
    spec: async (id: string): Promise<string> =>
      succeed(await run(["workflow", "spec", id]), `read the spec of ${id}`).stdout,
    logs: async (id: string, task: string, lines: number, limitSec: number): Promise<string> => {
      const argv = ["workflow", "logs", id, "-t", task, "-n", String(lines)];
      return logText(await run(argv, limitSec * second), `read logs of ${task}`);
    },
    events: async (id: string): Promise<string> =>
      logText(await run(["workflow", "events", id], 20 * second), "read events"),
    cancel: (id: string, message: string): Promise<OsmoRun> =>
      run(["workflow", "cancel", id, "-m", message, "-t", "json"]),
  };
}
export type OsmoClient = ReturnType<typeof openClient>;

type Run = (argv: readonly string[], timeout_ms?: number) => Promise<OsmoRun>;

/** Commands on the object store; they need the CLI's storage credentials, not its login. */
function dataCommands(run: Run) {
  return {
    listData: async (url: string, recursive = false): Promise<string[]> =>
      dataKeys(await run(["data", "list", "--no-pager", ...(recursive ? ["-r"] : []), `${url}/`]), url),
    download: async (url: string, dir: string): Promise<void> => {
      const ended = await run(["data", "download", `${url}/`, dir], transferLimit);
      await keepPlainFiles(dir);
      moved(ended, `download ${url}`, url);
    },
    /** `path` is a folder or, ending in a slash and a star that the CLI itself expands, what is in one. */
    upload: async (url: string, path: string): Promise<void> =>
      moved(await run(["data", "upload", url, path], transferLimit), `upload to ${url}`, url),
  };
}

/** Moves files; a missing path, a missing prefix and failed files leave the exit code at 0. */
function moved(run: OsmoRun, what: string, url: string): void {
  succeed(run, what);
  if (!/No entries found for prefix|Failed on files/.test(run.stderr)) return;
  const facts = { url, detail: redactedExcerpt(run.stderr) };
  throw new Refusal("osmo.download", `Not everything was transferred: ${what}.`, facts);
}

function succeed(run: OsmoRun, what: string): OsmoRun {
  if (run.outcome === "exited" && run.exit_code === 0) return run;
  throw failureOf(run, what);
}

/** Parses what a successful command printed. @throws Refusal `osmo.bad-answer`. */
function parseAnswer<T extends z.ZodType>(schema: T, run: OsmoRun, what: string): z.output<T> {
  let value: unknown;
  try {
    value = parseJson(run.stdout);
  } catch (error) {
    throw new Refusal(
      "osmo.bad-answer",
      `The CLI printed no JSON: ${what}.`,
      { got: redactedExcerpt(run.stdout) },
      { cause: error },
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Refusal("osmo.bad-answer", `The CLI's answer has another shape: ${what}.`, {
    at: issue?.path.join("."),
    problem: issue?.message,
  });
}

/** The id out of `submit -t json`, or undefined when the answer is not one. */
export function submittedAnswer(run: OsmoRun): z.output<typeof submitAnswer> | undefined {
  try {
    return parseAnswer(submitAnswer, run, "submit");
  } catch {
    return undefined;
  }
}

/** Keys of `data list`. A missing prefix exits 0 with `Total 0 objects found`; directories end with a slash. */
function dataKeys(run: OsmoRun, url: string): string[] {
  succeed(run, `list ${url}`);
  const total = /^Total (\d+) objects found/m.exec(run.stdout)?.[1];
  if (total === undefined) {
    throw new Refusal("osmo.bad-answer", "data list printed no total.", { url, got: redactedExcerpt(run.stdout) });
  }
  const lines = run.stdout.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("Total "));
  return total === "0" ? [] : lines;
}

/** Log text without its banner. A running task is tailed until the time limit: what was flushed by then counts. */
function logText(run: OsmoRun, what: string): string {
  const tailed = run.outcome === "timeout" || run.exit_code === 3;
  if (!tailed) succeed(run, what);
  return redact(run.stdout.replace(/^Workflow \S+ has (error logs|logs|events):\n?/, ""));
}
