import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { runOsmo } from "../../../../server/exec/osmo/cli.ts";
import { failureOf } from "../../../../server/exec/osmo/cli-error.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const newFolder = temporaryFolders();

/** How an `osmo` that does this is refused. */
async function refused(script: string, timeout_ms = 10_000): Promise<string> {
  const bin = join(await newFolder(), "osmo");
  await writeFile(bin, `#!/bin/sh\n${script}\n`);
  await chmod(bin, 0o755);
  const env = { PATH: process.env.PATH, DEFT_OSMO_BIN: bin };
  return failureOf(await runOsmo(["workflow", "list"], { env, timeout_ms }), "listing workflows").code;
}

describe("an OSMO command that fails", () => {
  it.each([
    ["hangs", "exec sleep 60", 200, "osmo.timeout"],
    ["says nothing of use", "echo huh; exit 1", undefined, "osmo.rejected"],
    ["speaks of a login", 'echo "Error message: Must login first"; exit 1', undefined, "osmo.not-logged-in"],
    ["is forbidden", 'echo "Server responded with status code 403" >&2; exit 1', undefined, "osmo.forbidden"],
  ])("%s", async (_, script, limit, code) => {
    expect(await refused(script, limit)).toBe(code);
  });

  it("is not there", async () => {
    const env = { PATH: process.env.PATH, DEFT_OSMO_BIN: join(await newFolder(), "osmo") };
    const run = await runOsmo(["version"], { env, timeout_ms: 5_000 });
    expect(failureOf(run, "asking for the version").code).toBe("osmo.cli-missing");
  });
});
