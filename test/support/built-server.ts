import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { type CallToolResult, CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

/** The bin as users get it; `npm run build` makes it, and `npm test` does so first. */
export const builtBin = resolve(import.meta.dirname, "../../dist/deft-mcp.js");

export type HumanAnswer = { action: "accept" | "decline" | "cancel"; content?: Record<string, boolean> };

export type Connection = {
  /** What a tool answers, a refusal too. Rejects when the server is gone. */
  result(name: string, args?: Record<string, unknown>): Promise<CallToolResult>;
  /** The structured result of a tool that is expected to succeed. */
  call(name: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** The text of a tool call that is expected to be refused. */
  refused(name: string, args?: Record<string, unknown>): Promise<string>;
  /** What the server asked the human, in order. */
  readonly asked: readonly string[];
  /** What the server wrote to stderr so far. */
  readonly stderr: () => string;
  /** SIGKILL, as a crash or the out-of-memory killer would. */
  kill(): Promise<void>;
  close(): Promise<void>;
};

/** A test that failed half-way leaves its server running, and a running child keeps the test process alive. */
const opened: Client[] = [];
afterAll(async () => {
  for (const client of opened) await client.close();
});

/**
 * Starts the built server in a process of its own and connects over stdio. With `answer` the client can ask a human,
 * who always answers so. `home` keeps pending plans of the test apart.
 */
export async function connect(options: {
  home: string;
  env?: Record<string, string>;
  answer?: HumanAnswer | ((message: string) => HumanAnswer);
}): Promise<Connection> {
  if (!existsSync(builtBin)) throw new Error("dist/deft-mcp.js is missing: run `npm run build` first");
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [builtBin, "serve"],
    env: isolated(options.home, options.env),
    cwd: options.home,
    stderr: "pipe",
  });
  const capabilities = options.answer === undefined ? {} : { elicitation: {} };
  const client = new Client({ name: "journey", version: "1" }, { capabilities });
  const asked: string[] = [];
  let stderr = "";
  transport.stderr?.on("data", (piece) => {
    stderr += String(piece);
  });
  if (options.answer !== undefined) {
    const { answer } = options;
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params.message);
      return typeof answer === "function" ? answer(params.message) : answer;
    });
  }
  await client.connect(transport);
  opened.push(client);
  const ask = async (name: string, args: Record<string, unknown> = {}) =>
    (await client.callTool({ name, arguments: args }, CallToolResultSchema, { timeout: 300_000 })) as CallToolResult;
  return {
    asked,
    stderr: () => stderr,
    result: ask,
    call: async (name, args) => {
      const result = await ask(name, args);
      if (result.isError) throw new Error(`${name} was refused: ${textOf(result)}`);
      return result.structuredContent ?? {};
    },
    refused: async (name, args) => {
      const result = await ask(name, args);
      if (!result.isError) throw new Error(`${name} was not refused: ${textOf(result)}`);
      return textOf(result);
    },
    kill: async () => {
      const gone = new Promise<void>((done) => {
        client.onclose = done;
      });
      if (transport.pid !== null) process.kill(transport.pid, "SIGKILL");
      await gone;
    },
    close: () => client.close(),
  };
}

/** Runs a subcommand of the built bin, or of another copy of it, to its end. */
export function runBuilt(argv: string[], options: { home: string; env?: Record<string, string>; bin?: string }) {
  const env = isolated(options.home, options.env);
  const done = spawnSync(process.execPath, [options.bin ?? builtBin, ...argv], {
    cwd: options.home,
    env,
    encoding: "utf8",
  });
  return { exit: done.status, stdout: done.stdout, stderr: done.stderr };
}

/** Starts a subcommand of the built bin and lets it run; `ended` tells how it ended and what it printed. */
export function startBuilt(
  argv: string[],
  place: { home: string; env?: Record<string, string> } | { cwd: string; env: Record<string, string | undefined> },
) {
  const options = "cwd" in place ? place : { cwd: place.home, env: isolated(place.home, place.env) };
  const child = spawn(process.execPath, [builtBin, ...argv], { ...options, stdio: "pipe" });
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      printed[name] += text;
    });
  }
  const ended = new Promise<{ exit: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on("close", (exit) => resolve({ exit, ...printed }));
  });
  return { printed, ended, signal: (name: NodeJS.Signals) => void child.kill(name) };
}

function isolated(home: string, env: Record<string, string> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: home, XDG_STATE_HOME: `${home}/state`, ...env };
}

function textOf(result: CallToolResult): string {
  const [first] = result.content;
  return first?.type === "text" ? first.text : "";
}
