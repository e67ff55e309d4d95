import { join } from "node:path";
import { Refusal } from "../errors.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { sha256OfFile } from "../fs/hash.ts";
import type { LineFile } from "../fs/line-file.ts";
import { kindOf, readJson } from "../fs/read.ts";
import type { Deps } from "../loop/call.ts";
import { workspacePaths } from "../run/paths.ts";
import { secretNames } from "../run/redact.ts";
import { readEmbeddings } from "../stages/shared/embedding-files.ts";
import { blur } from "./blur.ts";
import { recordedEmbeddings } from "./embeddings.ts";
import { eventReader, type RunEvent } from "./events.ts";
import { type NewLine, traceFormat } from "./format.ts";
import { lineOf, type Message, membersOf, resultOf, runDirOf } from "./message.ts";
import { earlierNames, openFile, type Pen, penOf } from "./pen.ts";
import { recordingExecutors } from "./recording-executor.ts";
import { learn } from "./symbols.ts";

/** What listens at the boundary to a client: every message, in order, before it goes on. */
export type Tap = {
  fromClient(message: Message): void;
  /** The answer waits for this: what a call changed is written before its result. */
  fromServer(message: Message): Promise<void>;
  close(): void;
};

/**
 * Starts recording one connection into a new file of `dir`: the dependencies to serve it with, and the tap for its
 * messages. Every line is written at once, so what a crash leaves is a valid beginning. A disk that takes no more ends
 * the trace, which `log` is told, and not what is recorded.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function startRecording(
  dir: string,
  deps: Deps,
  about: { readonly version: string; readonly toolsets: readonly string[]; log(line: string): void },
): Promise<{ deps: Deps; tap: Tap }> {
  await makeDirectory(dir);
  const earlier = await earlierNames(dir);
  const started = deps.clock.now();
  const heard: { now: number[]; ids: string[] } = { now: [], ids: [] };
  const pen = penOf(whileItTakes(openFile(dir), about.log), deps, earlier, heard);
  const env = Object.entries(deps.env).filter(
    ([name, value]) => /^(DEFT_|AIR_GAPPED|CLAUDE_PROJECT_DIR)/.test(name) && value !== undefined,
  );
  const told = env.filter(([name]) => name !== "DEFT_RECORD" && !secretNames(deps.env).includes(name));
  const places = [deps.env.DEFT_WORKSPACE, deps.env.CLAUDE_PROJECT_DIR, await workspaceAt(deps.cwd)];
  for (const workspace of places) learn(pen.symbols, { workspace });
  learn(pen.symbols, { plan_id: deps.env.DEFT_APPROVE_PLAN });
  pen.write({
    kind: "connection",
    format: traceFormat,
    version: about.version,
    started_at: started.toISOString(),
    toolsets: [...about.toolsets],
    env: pen.clean(Object.fromEntries(told)) as Record<string, string>,
    secrets: secretNames(deps.env).filter((name) => /^(HF_TOKEN|NGC_KEY)$/.test(name)),
    cwd: pen.cleanText(deps.cwd),
  });
  const recorded: Deps = {
    ...deps,
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
    executors: recordingExecutors(deps, pen),
    readEmbeddings: recordedEmbeddings(deps.readEmbeddings ?? readEmbeddings, pen),
  };
  return { deps: recorded, tap: tapOf(pen) };
}

/** A file that takes lines until the disk refuses one, says so once, and then forgets every further line. */
function whileItTakes(file: LineFile, log: (line: string) => void): LineFile {
  let over = false;
  return {
    append(line) {
      if (over) return;
      try {
        file.append(line);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        over = true;
        log(`the recording stopped: ${error.message} The trace ends here, what it recorded goes on.`);
      }
    },
    close: () => file.close(),
  };
}

function tapOf(pen: Pen): Tap {
  const calls = new Map<string | number, Message>();
  const eventsOf = eventReader();
  const told = new Set<string>();
  return {
    fromClient(message) {
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
    close: () => pen.write({ kind: "end" }),
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
