import { spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "@jest/globals";
import { withoutMark } from "../../../server/mcp/lenient-messages.ts";
import { connectHere } from "../../../server/mcp/loopback.ts";
import { testDeps } from "../../support/a-run.ts";

const initialize = {
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
};

/** The text that a tool answers to the very `arguments` of a message. */
async function answerTo(given: unknown): Promise<string> {
  const heard: Record<string, unknown>[] = [];
  let wake = (): void => undefined;
  const options = { version: "0", toolsets: ["deft"] as const, log: () => undefined };
  const line = await connectHere(testDeps(), options, (message) => {
    heard.push(message as Record<string, unknown>);
    wake();
  });
  const answered = async (id: number) => {
    for (;;) {
      const found = heard.find((message) => message.id === id);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await line.send({ id: 1, ...initialize } as never);
  await answered(1);
  await line.send({ id: 2, method: "tools/call", params: { name: "loop_status", arguments: given } } as never);
  const answer = JSON.stringify(await answered(2));
  await line.close();
  return answer;
}

describe("a call", () => {
  it.each([[null], [""], ["{}"], [{}]])("with the arguments %j reaches the tool", async (given) => {
    expect(await answerTo(given)).toContain("input.no-workspace: ");
  });

  it("with arguments that are no object is an error of the protocol", async () => {
    expect(await answerTo("hello")).toContain('"error"');
  });
});

describe("a byte order mark", () => {
  it.each([
    ["\ufeff{}\n", "{}\n"],
    ["{}\ufeff\n", "{}\ufeff\n"],
    ["", ""],
  ])("before the first byte of %j is skipped", async (sent, heard) => {
    const input = new PassThrough();
    input.end(sent);
    expect(await text(withoutMark(input))).toBe(heard);
  });

  it("does not keep the built server from answering", async () => {
    const server = spawn(process.execPath, ["dist/deft-mcp.js", "serve"], { stdio: ["pipe", "pipe", "inherit"] });
    server.stdin.write(`\ufeff${JSON.stringify({ jsonrpc: "2.0", id: 1, ...initialize })}\n`);
    const [first] = (await once(server.stdout, "data")) as [Buffer];
    expect(first.toString()).toContain('"protocolVersion"');
    server.stdin.end();
    await once(server, "exit");
  });
});
