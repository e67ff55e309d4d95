import { describe, expect, it } from "@jest/globals";
import { terminalCall } from "../../../server/cli/deps.ts";
import { answersOf } from "../../../server/mcp/answers.ts";
import { defineTool, type Tool } from "../../../tools/define.ts";
import { nextSeq } from "../../../tools/next-seq.ts";
import { testDeps } from "../../support/a-run.ts";

/** What the server says on stderr of a call that ends with `handle`, when its caller is gone. */
async function toldOf(handle: (signal: AbortSignal) => Promise<never>): Promise<string[]> {
  const told: string[] = [];
  const gone = new AbortController();
  const tool = defineTool({ ...nextSeq, handle: async (_, { signal }) => await handle(signal) });
  const deps = testDeps();
  const answers = answersOf(deps, { version: "1", toolsets: ["deft"], log: (line) => told.push(line) });
  gone.abort();
  await answers.callTool(tool as Tool, {}, { ...terminalCall(deps), signal: gone.signal });
  return told;
}

describe("a call whose caller is gone", () => {
  it("is no defect when its work was called off", async () => {
    expect(await toldOf(async (signal) => Promise.reject(signal.reason))).toEqual([]);
    expect(
      await toldOf(async () => Promise.reject(Object.assign(new Error("aborted"), { name: "AbortError" }))),
    ).toEqual([]);
  });

  it("is one when it failed otherwise", async () => {
    expect(await toldOf(async () => Promise.reject(new TypeError("no such thing")))).toEqual([
      expect.stringMatching(/^incident [0-9a-f]+ in next_seq: TypeError: no such thing/),
    ]);
  });
});
