import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/serve.ts";
import { parseAddress } from "../../../server/cli/serve-http.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const newFolder = temporaryFolders();

/** The code that a start is refused with, and all that it says. */
async function refusedServe(argv: string[], tokenText = "") {
  const cwd = await newFolder();
  await writeFile(join(cwd, "token"), tokenText);
  const { code, stderr } = await runCommand(run, argv, cwd);
  expect(code).toBe(2);
  return { code: stderr.split(":", 1)[0], stderr };
}

describe("serve --http", () => {
  it.each([
    ["8080", "127.0.0.1", 8080],
    ["0", "127.0.0.1", 0],
    ["localhost:65535", "localhost", 65_535],
    ["0.0.0.0:80", "0.0.0.0", 80],
    ["[::1]:8080", "::1", 8080],
  ])("%s means host %s, port %d", (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  it.each(["", "65536", "x", ":80", "localhost:", "localhost:x", "::1:8080", "http://localhost:80", "-1"])(
    "%j is no address",
    async (text) => {
      expect((await refusalOf(() => parseAddress(text))).code).toBe("input.invalid");
    },
  );

  it.each(["", "short", "sixteen chars and blanks in it", "sixteen-characters-with-ü"])(
    "a token file that holds %j is refused before anything is served",
    async (text) => {
      const refusal = await refusedServe(["--http", "0", "--token-file", "token"], text);
      expect([refusal.code, refusal.stderr.includes("sixteen")]).toEqual(["http.token", false]);
    },
  );

  it("a token file that is not there is refused, and so is one without --http", async () => {
    expect((await refusedServe(["--http", "0", "--token-file", "nowhere"])).code).toBe("input.unreadable-file");
    expect((await refusedServe(["--token-file", "token"])).code).toBe("input.invalid");
  });

  it("an address beyond loopback is refused without a token", async () => {
    expect((await refusedServe(["--http", "0.0.0.0:0"])).code).toBe("http.token");
  });
});
