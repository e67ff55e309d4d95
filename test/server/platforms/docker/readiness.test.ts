import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readReady } from "../../../../server/platforms/docker/readiness.ts";
import { prepareRun } from "../../../../server/platforms/docker/ready.ts";
import { aRun, aState } from "../../../support/a-run.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const newFolder = temporaryFolders();

/** The refusal that preparing a run ends with on a host whose images have this id. */
async function preparedWith(id: string): Promise<{ state: string; failure: { code: string; facts: object } }> {
  const home = await newFolder();
  const bin = join(home, "bin");
  await mkdir(bin);
  const image = JSON.stringify([{ Id: id, Architecture: "amd64", Size: 1 }]);
  const script = `#!/bin/sh\ncase "$1" in image) echo '${image}';; version) echo amd64;; *) exit 1;; esac\n`;
  await writeFile(join(bin, "docker"), script);
  await chmod(join(bin, "docker"), 0o755);
  const { plan } = aState(join(home, "results", "run_20261121_100000"));
  const inputs = { containers: { tao_pyt: { uri: "local/pyt:1", id: "sha256:approved" } } };
  const runDir = await aRun(home, { plan: { ...plan, platform: "docker", inputs } });
  await prepareRun(runDir, { PATH: `${bin}:${process.env.PATH}`, HOME: home });
  return JSON.parse(await readFile(join(runDir, "jobs", "readiness.json"), "utf8"));
}

describe("the images of a run", () => {
  it("are those that were approved, or the run does not begin", async () => {
    const { state, failure } = await preparedWith("sha256:other");
    expect([state, failure.code]).toEqual(["failed", "executor.image-changed"]);
    expect(failure.facts).toMatchObject({ approved: "sha256:approved", found: "sha256:other" });
  });

  it("are not known before the run was made ready", async () => {
    const runDir = await aRun(await newFolder());
    expect((await refusalOf(() => readReady(runDir))).code).toBe("executor.not-ready");
  });
});
