import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { builtBin } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const newFolder = temporaryFolders();
const depth = 100_000;
const lists = `${"[".repeat(depth)}${"]".repeat(depth)}`;
const maps = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

/** Calls that no client library would send. */
const calls = ["loop_status", "preflight", "submit_osmo", "preferences", "validate_csv"].flatMap((name) =>
  [lists, maps].map((deep, at) => {
    const args = `{"run":${deep},"workspace":${deep},"csv":${deep},"request":${deep},"set":${deep}}`;
    return { id: `${name}-${at}`, line: message(`${name}-${at}`, `{"name":"${name}","arguments":${args}}`) };
  }),
);

function message(id: string, params: string, method = "tools/call"): string {
  return `{"jsonrpc":"2.0","id":"${id}","method":"${method}","params":${params}}`;
}

describe("messages that nest 100,000 deep", () => {
  it.each([
    ["a server", false],
    ["a server that records", true],
  ])("are each answered by %s, soon, and so is the next one", async (_, records) => {
    const home = await newFolder();
    const env = { PATH: process.env.PATH ?? "", HOME: home, XDG_STATE_HOME: join(home, "state") };
    const argv = [builtBin, "serve", ...(records ? ["--record", join(home, "trace")] : [])];
    const server = spawn(process.execPath, argv, { cwd: home, env });
    let said = "";
    server.stdout.on("data", (piece) => {
      said += piece;
    });
    const answered = async (id: string) => {
      for (const deadline = Date.now() + 250_000; !said.includes(`"id":"${id}"`); await sleep(20)) {
        if (Date.now() > deadline || server.exitCode !== null) throw new Error(`no answer to ${id}`);
      }
    };
    const client = '{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}';
    server.stdin.write(`${message("hello", client, "initialize")}\n`);
    await answered("hello");
    server.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    const began = performance.now();
    server.stdin.write(`${"[".repeat(1_000_000)}\n\0\0\n`);
    for (const { line } of calls) server.stdin.write(`${line}\n`);
    server.stdin.write(`${message("last", "{}", "tools/list")}\n`);
    for (const { id } of calls) await answered(id);
    await answered("last");
    // Ten of them and the list, on a machine that may be busy: what is slow here takes hours.
    expect(performance.now() - began).toBeLessThan(11 * 20_000);
    const refusals = said.split("\n").filter((line) => /input\.(unknown-field|invalid)/.test(line));
    expect(refusals).toHaveLength(calls.length);
    server.stdin.end();
    await once(server, "exit");
  });
});
