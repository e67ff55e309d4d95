import { expect, it } from "@jest/globals";
import { openHttp } from "../../server/mcp/http.ts";
import { testDeps } from "../support/a-run.ts";
import { buildWithFixtures } from "../support/conformance-fixtures.ts";
import { folderOfFile } from "../support/folder.ts";
import { conform } from "./official.ts";

const folder = folderOfFile();

it("the protocol's conformance suite finds nothing wrong with our HTTP server", async () => {
  const address = { host: "127.0.0.1", port: 0 };
  const options = { version: "0", toolsets: ["deft", "osmo"] as const, log() {}, ...address };
  const service = await openHttp(testDeps({}), options, buildWithFixtures);
  try {
    const { exit, stdout } = await conform(service.url, folder.path);
    const [, passed, failed] = /Total: (\d+) passed, (\d+) failed/.exec(stdout) ?? [];
    expect({ exit, failed, enough: Number(passed) >= 40, said: /✗.*/.exec(stdout)?.[0] }).toEqual({
      exit: 0,
      failed: "0",
      enough: true,
      said: undefined,
    });
  } finally {
    await service.close();
  }
}, 120_000);
