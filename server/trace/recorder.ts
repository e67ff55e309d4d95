import { join } from "node:path";
import { Refusal } from "../errors.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { sha256OfFile } from "../fs/hash.ts";
import { isShallow, readJson } from "../fs/json.ts";
import { kindOf } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { workspacePaths } from "../run/paths.ts";
import { membersOf } from "../run/record.ts";
import { secretNames } from "../run/redact.ts";
import { readEmbeddings } from "../stages/shared/embedding-files.ts";
import { putAside } from "./aside.ts";
import { blur } from "./blur.ts";
import { recordedEmbeddings } from "./embeddings.ts";
import { eventReader, type RunEvent } from "./events.ts";
import { type NewLine, traceFormat } from "./format.ts";
import { lineOf, type Message, resultOf, runDirOf } from "./message.ts";
import { openFile, type Paper, type Pen, penOf, type Shared, sharedNames } from "./pen.ts";
import { recordingExecutors } from "./recording-executor.ts";
import { learn } from "./symbols.ts";

/** What listens at the boundary to a client: every message, in order, before it goes on. */
export type Tap = {
  fromClient(message: Message): void;
  /** The answer waits for this: what a call changed is written before its result. */
  fromServer(message: Message): Promise<void>;
  close(): void;
};

/** One connection under record: the dependencies to serve it with, and the tap for its messages. */
export type Recording = { readonly deps: Deps; readonly tap: Tap };
type About = { readonly version: string; readonly toolsets: readonly string[]; log(line: string): void };

/**
 * Starts recording one connection into a new file of `dir`. Every line is written at once, so what a crash leaves is a
 * valid beginning; a client that never says anything leaves no file. A disk that takes no more ends the trace, which
 * `log` is told, and not what is recorded.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function startRecording(dir: string, deps: Deps, about: About): Promise<Recording> {
  await makeDirectory(dir);
  return await record(dir, deps, about, await sharedNames(dir, deps.env.HOME));
}

/** Returns what starts recording one more connection of a server that has several at once. */
export async function recordSeveral(dir: string, deps: Deps, about: About): Promise<() => Promise<Recording>> {
  await makeDirectory(dir);
  const group: { first?: number } = {};
  let turns = 0;
  const shared = { ...(await sharedNames(dir, deps.env.HOME)), turn: () => ++turns };
  return () => record(dir, deps, about, shared, group);
}

async function record(
  dir: string,
  deps: Deps,
  about: About,
  shared: Shared,
  group?: { first?: number },
): Promise<Recording> {
  const started = deps.clock.now();
  const heard: { now: number[]; ids: string[] } = { now: [], ids: [] };
  const opened = once(() => openWhileItTakes(dir, about.log));
  const pen = penOf(
    () => opened().paper,
    deps.env,
    shared,
    heard,
    () => about.log("the recording is beyond 20 MB, which is more than a trace should have; it goes on."),
  );
  const places = [deps.env.DEFT_WORKSPACE, deps.env.CLAUDE_PROJECT_DIR, await workspaceAt(deps.cwd)];
  for (const workspace of places) learn(pen.symbols, { workspace });
  learn(pen.symbols, { plan_id: deps.env.DEFT_APPROVE_PLAN });
  const begin = once(() => {
    if (group !== undefined) group.first ??= opened().number;
    const member = group?.first === undefined ? {} : { group: group.first };
    pen.write({ kind: "connection", format: traceFormat, ...member, ...circumstances(deps, about, started, pen) });
  });
  const recorded: Deps = {
    ...deps,
    ...heardDeps(deps, started, heard),
    executors: recordingExecutors(deps, pen),
    readEmbeddings: recordedEmbeddings(deps.readEmbeddings ?? readEmbeddings, pen),
  };
  return { deps: recorded, tap: tapOf(pen, begin) };
}

/** What a server was started with, as far as it decides what the server does. */
function circumstances(deps: Deps, { version, toolsets }: About, started: Date, pen: Pen) {
  const secrets = secretNames(deps.env);
  const told = Object.entries(deps.env).filter(
    ([name, value]) =>
      /^(DEFT_|AIR_GAPPED|CLAUDE_PROJECT_DIR|HF_HUB_OFFLINE|HF_ENDPOINT)/.test(name) &&
      value !== undefined &&
      name !== "DEFT_RECORD" &&
      // A replay tells no tracker.
      !name.startsWith("DEFT_MLFLOW_") &&
      !secrets.includes(name),
  );
  return {
    version,
    started_at: started.toISOString(),
    toolsets: [...toolsets],
    env: pen.clean(Object.fromEntries(told)) as Record<string, string>,
    secrets: secrets.filter((name) => /^(HF_TOKEN|NGC_KEY)$/.test(name)),
    cwd: pen.cleanText(deps.cwd),
  };
}

/** Clock and chance of a server, each answer noted. */
function heardDeps(deps: Deps, started: Date, heard: { now: number[]; ids: string[] }): Pick<Deps, "clock" | "ids"> {
  return {
    clock: {
      now() {
        const now = deps.clock.now();
        heard.now.push(now.getTime() - started.getTime());
        return now;
      },
    },
    ids: {
      hex(length) {
        const id = deps.ids.hex(length);
        heard.ids.push(id);
        return id;
      },
    },
  };
}

/** Where a connection is written; on a disk that takes none, what forgets every line. */
function openWhileItTakes(dir: string, log: (line: string) => void): { paper: Paper; number: number } {
  let over = false;
  const end = (error: unknown): undefined => {
    if (!(error instanceof Refusal) || error.code !== "input.write-failed") throw error;
    over = true;
    log(`the recording stopped: ${error.message} The trace ends here, what it recorded goes on.`);
    return undefined;
  };
  const attempt = <T>(work: () => T): T | undefined => {
    if (over) return undefined;
    try {
      return work();
    } catch (error) {
      return end(error);
    }
  };
  const opened = attempt(() => openFile(dir));
  const paper: Paper = {
    append: (line) => attempt(() => opened?.file.append(line)),
    close: () => opened?.file.close(),
    putAside: async (text) => (over ? undefined : await putAside(dir, text).catch(end)),
  };
  return { paper, number: opened?.number ?? 0 };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function tapOf(pen: Pen, begin: () => void): Tap {
  const calls = new Map<string | number, Message>();
  const eventsOf = eventReader();
  const told = new Set<string>();
  let begun = false;
  return {
    fromClient(heard) {
      // What is too deep to be told is told as a call without arguments; the server answers it all the same.
      const message = isShallow(heard) ? heard : { ...heard, params: {} };
      begin();
      begun = true;
      learn(pen.symbols, message.params?.arguments);
      if (message.id !== undefined && message.method !== undefined) calls.set(message.id, message);
      pen.write(pen.clean(lineOf(message, "client")) as NewLine);
    },
    async fromServer(message) {
      const call = message.id === undefined ? undefined : calls.get(message.id);
      const result = message.method === undefined ? resultOf(message, call?.method) : undefined;
      learn(pen.symbols, result);
      const runDir = runDirOf(call, result);
      await tellWorkspace(workspaceOf(result) ?? workspaceOfRun(runDir), pen, told);
      if (runDir !== undefined) {
        for (const event of await eventsOf(runDir)) writeEvent(pen, runDir, event);
      }
      const line =
        message.method === undefined && message.id !== undefined
          ? { kind: "result", id: message.id, result }
          : lineOf(message, "server");
      pen.write(blur(pen.clean(line)) as NewLine);
    },
    close() {
      if (begun) pen.write({ kind: "end" });
    },
  };
}

function writeEvent(pen: Pen, runDir: string, event: RunEvent): void {
  pen.write(blur(pen.clean({ kind: "event", run: runDir, ...event })) as NewLine);
}

/** What a workspace is known by: its tables and spec, and the seed where it was generated. */
export async function fingerprint(workspace: string) {
  const { spec, trainingCsv, validationCsv, kpiCsv, poolCsv } = workspacePaths(workspace);
  const inputs: Record<string, string> = {};
  for (const path of [spec, trainingCsv, validationCsv, kpiCsv, poolCsv]) {
    if ((await kindOf(path)) === "file") inputs[path.slice(workspace.length + 1)] = await sha256OfFile(path);
  }
  const info = join(workspace, "build_info.json");
  const built = (await kindOf(info)) === "file" ? ((await readJson(info)) as Record<string, unknown>) : {};
  const { seed, size } = built;
  return { inputs, ...(typeof seed === "number" && typeof size === "string" ? { generated: { seed, size } } : {}) };
}

function workspaceOf(result: unknown): string | undefined {
  const { workspace } = membersOf(membersOf(result).structured);
  return typeof workspace === "string" && workspace.startsWith("/") ? workspace : undefined;
}

function workspaceOfRun(runDir: string | undefined): string | undefined {
  return /^(.+)\/results\/[^/]+$/.exec(runDir ?? "")?.[1];
}

async function tellWorkspace(workspace: string | undefined, pen: Pen, told: Set<string>): Promise<void> {
  if (workspace === undefined || told.has(workspace)) return;
  told.add(workspace);
  pen.write({ kind: "workspace", name: pen.cleanText(workspace), ...(await fingerprint(workspace)) });
}

async function workspaceAt(cwd: string): Promise<string | undefined> {
  return (await kindOf(workspacePaths(cwd).spec)) === "file" ? cwd : undefined;
}
