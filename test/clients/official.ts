import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { builtBin } from "../support/built-server.ts";

/**
 * The programs of others that this suite runs, all below the folder of DEFT_TEST_CLIENTS; `.ci/run` has their versions.
 * The Inspector and the conformance suite need the newer Node that lies beside them.
 */
function program(path: string): string {
  const found = join(clients(), "node_modules", path);
  if (!existsSync(found)) throw new Error(`${found} is missing: install it into DEFT_TEST_CLIENTS`);
  return found;
}

function clients(): string {
  const folder = process.env.DEFT_TEST_CLIENTS;
  if (!folder) throw new Error("DEFT_TEST_CLIENTS is not set: `.ci/run` installs the clients and sets it");
  return folder;
}

export type Ended = { readonly exit: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end. */
export function runToEnd(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (chunk: string) => {
        text[name] += chunk;
      });
    }
    child.on("error", reject).on("close", (exit) => resolve({ exit, ...text }));
  });
}

/** Asks the built server one thing through the MCP Inspector's command line. */
export async function inspect(
  method: string,
  flags: readonly string[],
  home: string,
  workspace: string,
): Promise<Ended> {
  const state = ["-e", `XDG_STATE_HOME=${home}/state`, "-e", `XDG_CONFIG_HOME=${home}/config`];
  const target = ["--cli", process.execPath, builtBin, "-e", `DEFT_WORKSPACE=${workspace}`, ...state];
  const args = [program(".bin/mcp-inspector"), ...target, "--method", method, "--format", "json", ...flags];
  return await runToEnd(program("node/bin/node"), args, home, { PATH: process.env.PATH, HOME: home });
}

/** Opens the MCP Inspector's web page on the built server, on ports of its own. */
export async function openInspector(home: string, workspace: string, era: string) {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const [page, sandbox, apps] = ports.map(String);
  const where = { CLIENT_PORT: page, MCP_SANDBOX_PORT: sandbox, MCP_APP_ORIGIN_PORT: apps };
  const env = { PATH: process.env.PATH, HOME: home, MCP_AUTO_OPEN_ENABLED: "false", ...where };
  const given = [`DEFT_WORKSPACE=${workspace}`, `XDG_STATE_HOME=${home}/state`].flatMap((one) => ["-e", one]);
  const args = [program(".bin/mcp-inspector"), "--web", process.execPath, builtBin, ...given, "--protocol-era", era];
  const child = spawn(program("node/bin/node"), args, { cwd: home, env, stdio: ["ignore", "pipe", "pipe"] });
  const gone = new Promise((resolve) => child.on("close", resolve));
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.on("close", () => reject(new Error(`the Inspector ended: ${said}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const [found] = /http:\/\/\S+API_TOKEN=\w+(?=\s)/.exec(said) ?? [];
        if (found !== undefined) resolve(found);
      });
    }
  });
  const close = async () => {
    child.kill();
    await gone;
  };
  return { url, close };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs one of the protocol's conformance suites against a URL. */
export function conform(url: string, home: string, suite: string, flags: readonly string[]): Promise<Ended> {
  const args = ["server", "--url", url, ...flags, "-o", join(home, "conformance")];
  const main = program(`${suite}/dist/index.js`);
  return runToEnd(program("node/bin/node"), [main, ...args], home, { PATH: process.env.PATH, HOME: home });
}

/** Runs a script of this folder with a Python environment of DEFT_TEST_CLIENTS, which `.ci/run` made. */
export async function python(venv: string, script: string, args: readonly string[], home: string): Promise<Ended> {
  const main = join(clients(), "python", venv, "bin", "python");
  if (!existsSync(main)) throw new Error(`${main} is missing: install it into DEFT_TEST_CLIENTS`);
  const argv = [join(import.meta.dirname, "python", script), ...args];
  return await runToEnd(main, argv, home, { PATH: process.env.PATH, HOME: home });
}

/** Makes packages/ of the built files. */
export async function packaged(): Promise<void> {
  const { exit, stderr } = await runToEnd(process.execPath, ["scripts/package.mjs"], process.cwd(), process.env);
  if (exit !== 0) throw new Error(`scripts/package.mjs: ${stderr}`);
}

/** Runs the command line of MCP bundles. */
export function mcpb(args: readonly string[], home: string): Promise<Ended> {
  const cli = program("@anthropic-ai/mcpb/dist/cli/cli.js");
  return runToEnd(program("node/bin/node"), [cli, ...args], home, { PATH: process.env.PATH, HOME: home });
}

/** What the CycloneDX project's own checker finds wrong with a bill of materials; null for nothing. */
export async function sbomErrors(text: string): Promise<unknown> {
  const { Spec, Validation } = createRequire(program(""))("@cyclonedx/cyclonedx-library");
  return await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
}

/** Runs a command of Claude Code that needs neither login nor network. */
export function claude(args: readonly string[], home: string): Promise<Ended> {
  const quiet = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1" };
  return runToEnd(program(".bin/claude"), args, home, { PATH: process.env.PATH, HOME: home, ...quiet });
}
