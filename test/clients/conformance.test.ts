import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { type HttpService, openHttp } from "../../server/mcp/http.ts";
import { testDeps } from "../support/a-run.ts";
import { buildWithFixtures } from "../support/conformance-fixtures.ts";
import { folderOfFile } from "../support/folder.ts";
import { modernWithFixtures } from "../support/modern-fixtures.ts";
import { conform } from "./official.ts";

const folder = folderOfFile();
let service: HttpService;

beforeEach(async () => {
  // The suite asks faster than a user may.
  const address = { host: "127.0.0.1", port: 0, ratePerMinute: 60_000 };
  const options = { version: "0", toolsets: ["deft", "osmo"] as const, log() {}, ...address };
  service = await openHttp(testDeps({}), options, buildWithFixtures, modernWithFixtures);
});
afterEach(() => service.close());

it("the protocol's conformance suite finds nothing wrong with our HTTP server", async () => {
  const { exit, stdout } = await conform(service.url, folder.path, "@modelcontextprotocol/conformance", [
    "--suite",
    "active",
  ]);
  const [, passed, failed] = /Total: (\d+) passed, (\d+) failed/.exec(stdout) ?? [];
  expect({ exit, failed, enough: Number(passed) >= 40, said: /✗.*/.exec(stdout)?.[0] }).toEqual({
    exit: 0,
    failed: "0",
    enough: true,
    said: undefined,
  });
});

it.each(["2025-11-25", "2026-07-28"])(
  "it has all that revision %s requires",
  async (revision) => {
    const flags = ["--requirements", revision];
    const { exit, stdout } = await conform(service.url, folder.path, "conformance-alpha", flags);
    // What is not required (extensions, pending scenarios) is listed and does not count.
    const failed = stdout.split("\n").filter((line) => line.startsWith("✗"));
    expect({ exit, failed: exit === 0 ? [] : failed }).toEqual({ exit: 0, failed: [] });
  },
  180_000,
);
