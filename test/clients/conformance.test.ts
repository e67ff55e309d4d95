import { spawn } from "node:child_process";
import { expect, it } from "@jest/globals";
import { builtBin } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";
import { conform } from "./official.ts";

const folder = folderOfFile();

it("the protocol's conformance suite finds nothing wrong with the built HTTP server", async () => {
  const env = { PATH: process.env.PATH, HOME: folder.path, DEFT_CONFORMANCE: "1" };
  const server = spawn(process.execPath, [builtBin, "serve", "--http", "0"], { cwd: folder.path, env });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      server.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
      server.stderr.setEncoding("utf8").on("data", (text: string) => {
        const [found] = /http:\/\/\S+/.exec(text) ?? [];
        if (found) resolve(found);
      });
    });
    const { exit, stdout } = await conform(url, folder.path);
    const [, passed, failed] = /Total: (\d+) passed, (\d+) failed/.exec(stdout) ?? [];
    expect({ exit, failed, enough: Number(passed) >= 40, said: /✗.*/.exec(stdout)?.[0] }).toEqual({
      exit: 0,
      failed: "0",
      enough: true,
      said: undefined,
    });
  } finally {
    server.removeAllListeners("exit").kill();
  }
}, 120_000);
