import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { execa } from "execa";
import { builtBin } from "../../support/built-server.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();
const nobody = 65_534;

/** What another user of this machine tries: to read the token, then to get in without one and with a guess. */
const intruder = `
const [url, file] = process.argv.slice(1);
const headers = { accept: "application/json, text/event-stream", "content-type": "application/json" };
const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
const ask = async (more) => (await fetch(url, { method: "POST", headers: { ...headers, ...more }, body })).status;
let token;
try { token = require("node:fs").readFileSync(file, "utf8").trim(); } catch (error) { token = error.code; }
(async () => console.log(JSON.stringify([
  process.getuid(), token, await ask({}), await ask({ authorization: "Bearer " + token }),
])))();`;

const isRoot = process.getuid?.() === 0;

it("lets no other user of this machine read the token, nor in", async () => {
  const home = await newFolder();
  const env = { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: join(home, "state") };
  const server = spawn(process.execPath, [builtBin, "serve", "--http", "0"], { env, cwd: home });
  const ended = new Promise((resolve) => server.on("close", resolve));
  try {
    const said = await new Promise<string>((resolve, reject) => {
      let text = "";
      void ended.then(() => reject(new Error(`the server ended: ${text}`)));
      server.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (/kept in .*\n/.test(text)) resolve(text);
      });
    });
    const [, url = ""] = /MCP on (\S+)/.exec(said) ?? [];
    const [, file = ""] = /kept in (\S+)/.exec(said) ?? [];
    const as = async (user: number) =>
      JSON.parse(
        (await execa(process.execPath, ["-e", intruder, url, file], isRoot ? { uid: user, gid: user, cwd: "/" } : {}))
          .stdout,
      );
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    // Only root can act as somebody else; who is not root is the owner and sees that it is the token that counts.
    if (isRoot) expect(await as(nobody)).toEqual([nobody, "EACCES", 401, 401]);
    expect((await as(process.getuid?.() ?? 0)).slice(2)).toEqual([401, 200]);
  } finally {
    server.kill("SIGTERM");
    await ended;
  }
});
